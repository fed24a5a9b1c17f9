"""RealSense devices made of software: librealsense's own `software_device`, in a context as real ones are.

The library drops a software device as soon as its description is not referenced; the list that comes with the
`devices changed` event holds it. Keeping and dropping that list is plugging in and pulling out.
"""

import threading
from types import TracebackType
from typing import Any

import numpy as np
import pyrealsense2 as rs

OPTIONS = {  # option: least, most, step, default; those of a D435's colour sensor
    rs.option.exposure: (1, 10_000, 1, 156),
    rs.option.gain: (0, 128, 1, 64),
    rs.option.white_balance: (2800, 6500, 10, 4600),
    rs.option.enable_auto_exposure: (0, 1, 1, 1),
    rs.option.enable_auto_white_balance: (0, 1, 1, 1),
    rs.option.global_time_enabled: (0, 1, 1, 0),
}
FX, PPX, PPY = 600.0, 319.5, 239.5


class Bus:
    """A context, and what is plugged into it."""

    def __init__(self) -> None:
        self.context = rs.context()
        self._plugged: dict[str, Any] = {}
        self.context.set_devices_changed_callback(self._changed)

    def plug(self, device: "SoftRealSense") -> None:
        self._arriving = device.serial
        device.device.add_to(self.context)

    def pull(self, device: "SoftRealSense") -> None:
        del self._plugged[device.serial]

    def _changed(self, event: Any) -> None:
        self._plugged[self._arriving] = event.get_new_devices()


class SoftRealSense:
    """One device with a colour and a depth sensor of 640 x 480 at 30 Hz."""

    def __init__(
        self,
        serial: str,
        usb: str = "3.2",
        depth_units: float = 0.001,
        baseline_m: float = 0.0,
        one_sensor: bool = False,  # colour comes from the stereo module, as on a D405
    ) -> None:
        self.serial, self.device, self.number = serial, rs.software_device(), 0
        for key, value in (
            (rs.camera_info.serial_number, serial), (rs.camera_info.name, "Soft D435"),
            (rs.camera_info.usb_type_descriptor, usb), (rs.camera_info.firmware_version, "5.16.0.1"),
            (rs.camera_info.recommended_firmware_version, "5.17.0.10"),
        ):  # fmt: skip
            self.device.register_info(key, value)
        self.stereo = self.device.add_sensor("Stereo Module")
        self.colour = self.stereo if one_sensor else self.device.add_sensor("RGB Camera")
        for option, limits in OPTIONS.items():
            self.colour.add_option(option, _range(*limits), True)
        self.stereo.add_read_only_option(rs.option.depth_units, depth_units)
        self.stereo.add_read_only_option(rs.option.asic_temperature, 37.0)
        self._colour = self.colour.add_video_stream(_stream(rs.stream.color, 1, rs.format.rgb8, 3))
        self._depth = self.stereo.add_video_stream(_stream(rs.stream.depth, 2, rs.format.z16, 2))
        self._depth.register_extrinsics_to(self._colour, _beside(baseline_m))
        self.device.create_matcher(rs.matchers.default)

    def expose(
        self, stamp_ms: float, domain: Any, grey: int = 100, depth: int | np.ndarray = 500, skip: int = 0
    ) -> None:
        """Deliver one pair; `skip` images are lost on the way."""
        self.number += 1 + skip
        self._deliver(self.colour, self._colour, np.full((480, 640, 3), grey, np.uint8), stamp_ms, domain)
        self._deliver(self.stereo, self._depth, np.full((480, 640), depth, np.uint16), stamp_ms, domain)

    def _deliver(self, sensor: Any, profile: Any, pixels: np.ndarray, stamp_ms: float, domain: Any) -> None:
        frame = rs.software_video_frame()
        frame.pixels, frame.bpp = pixels, pixels.nbytes // (480 * 640)
        frame.stride, frame.frame_number = 640 * frame.bpp, self.number
        frame.timestamp, frame.domain = stamp_ms, domain
        frame.profile = profile.as_video_stream_profile()
        sensor.on_video_frame(frame)


class Shooting:
    """Delivers pairs at some 30 Hz for as long as the block lasts, with stamps of the device's own clock."""

    def __init__(self, device: SoftRealSense, grey: int = 100, depth: int = 500) -> None:
        self._device, self._grey, self._depth, self._over = device, grey, depth, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Shooting":
        self._thread.start()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        stamp_ms = 5000.0
        while not self._over.wait(1 / 30):
            stamp_ms += 1000 / 30
            self._device.expose(stamp_ms, rs.timestamp_domain.hardware_clock, self._grey, self._depth)


def _range(least: float, most: float, step: float, default: float) -> Any:
    limits = rs.option_range()
    limits.min, limits.max, limits.step, limits.default = least, most, step, default
    return limits


def _stream(kind: Any, uid: int, form: Any, bpp: int) -> Any:
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid, stream.fmt, stream.bpp = kind, 0, uid, form, bpp
    stream.width, stream.height, stream.fps = 640, 480, 30
    pinhole = rs.intrinsics()
    pinhole.width, pinhole.height, pinhole.ppx, pinhole.ppy, pinhole.fx, pinhole.fy = 640, 480, PPX, PPY, FX, FX
    pinhole.model, pinhole.coeffs = rs.distortion.brown_conrady, [0.0] * 5
    stream.intrinsics = pinhole
    return stream


def _beside(distance_m: float) -> Any:
    extrinsics = rs.extrinsics()
    extrinsics.rotation, extrinsics.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [distance_m, 0.0, 0.0]
    return extrinsics
