"""A RealSense as a camera: colour, aligned depth, the device's own stamps; recording and playback.

librealsense's own pipeline does the work. It keeps the newest set of images only, and pairs colour with depth.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras import CameraContext, DeviceReport
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.device_clock import Domain, Moment, StampMap
from robot_rl.hardware.cameras.grabber import CameraSetup, RawFrame
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.realsense_devices import (
    USB_ADVICE,
    cannot_stream,
    describe,
    find_device,
    import_realsense,
    list_devices,
    machine_context,
    refusal,
    report_devices,
    reset_device,
)
from robot_rl.hardware.cameras.realsense_options import apply_options

WAIT_MS = 200
TEMPERATURE_EVERY = 30
"""Images between two readings of the temperature: each is a request over USB."""
DOMAINS: dict[str, Domain] = {"hardware_clock": "hardware", "system_time": "system", "global_time": "global"}
FILTERS: dict[str, Callable[[Any], Any]] = {
    "spatial": lambda rs: rs.spatial_filter(),
    "temporal": lambda rs: rs.temporal_filter(),
    "hole-filling": lambda rs: rs.hole_filling_filter(),
}
MODELS = {"brown_conrady": "plumb_bob", "modified_brown_conrady": "plumb_bob", "kannala_brandt4": "equidistant"}
"""librealsense's names of distortion -> those of ROS. Colour of the D400 is `inverse_brown_conrady` with zeros."""


class RealSense:
    """The kind `realsense`."""

    Config = RealSenseConfig
    packages: ClassVar[dict[str, str]] = {"pyrealsense2": "camera"}

    @staticmethod
    def open(config: RealSenseConfig, context: CameraContext) -> BackgroundCamera:
        """Return the camera; its device is opened in the background.

        Raises:
            ConfigError: pyrealsense2 is not installed; a recording that is not there.
        """
        return open_realsense_camera(config, clock=context.clock)

    @staticmethod
    def present() -> list[RealSenseConfig]:
        """Return the settings of each RealSense of this machine.

        Raises:
            ConfigError: pyrealsense2 is not installed.
        """
        return [
            RealSenseConfig(f"realsense_{device.serial}", device.serial) for device in list_devices(machine_context())
        ]

    @staticmethod
    def devices(root: Path, context: Callable[[], Any] = machine_context) -> Iterator[DeviceReport]:
        """Yield each RealSense, and whether it can stream.

        Raises:
            ConfigError: pyrealsense2 is not installed.
        """
        return report_devices(root, context())

    @staticmethod
    def label(config: RealSenseConfig) -> str:
        """Return the serial number."""
        return config.serial or "the only RealSense"


def open_realsense_camera(
    config: RealSenseConfig, context: Callable[[], Any] = machine_context, clock: Clock | None = None
) -> BackgroundCamera:
    """Start a camera; its device is opened in the background and may come later.

    Args:
        context: source of the devices; called again at each attempt.

    Raises:
        ConfigError: pyrealsense2 is not installed; a recording that is not there.
    """
    import_realsense()
    if config.playback is not None and not config.playback.is_file():
        raise ConfigError(f"{config.name}: got playback {config.playback}, expected a file; correct the path.")
    clock = clock or SystemClock()
    view, live = config.view, config.playback is None
    setup = CameraSetup(config.name, config.height, config.width, view, config.max_age_s, sensor=live)
    reset = (lambda: reset_device(context(), config.name, config.serial)) if live else None
    return BackgroundCamera(setup, lambda: RealSenseSource(config, context(), clock), clock, reset)


class RealSenseSource:
    """An open device, or a recording in its place; a `Source`.

    Raises:
        DeviceLostError: not there, in use, or it does not start.
        ConfigError: a mode or a value that it does not have.
    """

    def __init__(self, config: RealSenseConfig, context: Any, clock: Clock) -> None:
        self._rs, self._config, self._clock = import_realsense(), config, clock
        self._stamps, self._asked = StampMap(), itertools.count()
        self._temperature_c: float | None = None
        self._filters = [FILTERS[name](self._rs) for name in config.depth_filters]
        self._align = self._rs.align(self._rs.stream.color)
        self._pipeline = self._rs.pipeline(context)
        self._profile = self._start(context)
        self._device = self._profile.get_device()
        self._sensors = list(self._device.query_sensors())
        self._millimetres = _depth_unit_mm(self._rs, self._sensors)

    def next(self) -> RawFrame | None:
        try:
            there, frames = self._pipeline.try_wait_for_frames(WAIT_MS)
            if not there:
                self._check_connected()
                return None
            arrival = Moment(self._clock.now_ns(), time.time_ns())
            frames = self._aligned(frames) if self._config.depth else frames
            return self._shot(frames.get_color_frame(), frames.get_depth_frame(), arrival)
        except RuntimeError as error:  # what librealsense raises, whatever happened
            raise DeviceLostError(f"{self._config.name}: got {error}, expected images; opening it again.") from error

    def intrinsics(self) -> Intrinsics | None:
        profile = self._profile.get_stream(self._rs.stream.color).as_video_stream_profile()
        return to_intrinsics(profile.get_intrinsics())

    def temperature_c(self) -> float | None:
        if next(self._asked) % TEMPERATURE_EVERY == 0:
            self._temperature_c = _temperature_c(self._rs, self._sensors)
        return self._temperature_c

    def clock_changes(self) -> int:
        return self._stamps.changes

    def remarks(self) -> tuple[str, ...]:
        described = describe(self._device)
        return (f"connected as USB {described.usb}: {USB_ADVICE}",) if described.slow else ()

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # the device is gone, and with it what would be stopped
            self._pipeline.stop()

    def _start(self, context: Any) -> Any:
        config, settings = self._config, self._settings()
        mode = f"{config.width}x{config.height}@{config.rate_hz}" + (" with depth" if config.depth else "")
        if config.playback is not None:
            return self._started(settings, mode, None)
        device = find_device(context, config.name, config.serial)
        settings.enable_device(describe(device).serial)
        if not settings.can_resolve(self._rs.pipeline_wrapper(self._pipeline)):
            raise cannot_stream(config.name, device, mode)
        apply_options(config, device)
        return self._started(settings, mode, device)

    def _started(self, settings: Any, mode: str, device: Any) -> Any:
        try:
            return self._pipeline.start(settings)
        except RuntimeError as error:
            if device is None:
                raise ConfigError(
                    f"{self._config.name}: got {error} from {self._config.playback}, expected a recording of {mode}; "
                    "correct width, height, rate and depth."
                ) from error
            raise refusal(self._config.name, describe(device), mode, error) from error

    def _settings(self) -> Any:
        rs, config = self._rs, self._config
        settings = rs.config()
        if config.playback is not None:
            settings.enable_device_from_file(str(config.playback), True)
        elif config.record is not None:
            settings.enable_record_to_file(str(free_path(config.record)))
        size = (config.width, config.height)
        settings.enable_stream(rs.stream.color, *size, rs.format.rgb8, config.rate_hz)
        if config.depth:
            settings.enable_stream(rs.stream.depth, *size, rs.format.z16, config.rate_hz)
        return settings

    def _check_connected(self) -> None:
        if self._config.playback is None and not self._device.is_connected():
            raise DeviceLostError(f"{self._config.name}: got unplugged, expected the device; plug it in again.")

    def _aligned(self, frames: Any) -> Any:
        for depth_filter in self._filters:
            frames = depth_filter.process(frames).as_frameset()
        return self._align.process(frames)

    def _shot(self, colour: Any, depth: Any, arrival: Moment) -> RawFrame | None:
        if not colour or (self._config.depth and not depth):
            return None  # one half of a pair
        image = np.asanyarray(colour.get_data())
        depth_mm = self._in_millimetres(np.asanyarray(depth.get_data())) if self._config.depth else None
        return RawFrame(image, self._stamp_ns(colour, arrival), colour.get_frame_number(), depth_mm)

    def _stamp_ns(self, colour: Any, arrival: Moment) -> int:
        domain = DOMAINS[colour.get_frame_timestamp_domain().name]
        # A recording's stamps are of its own day: only their distances count.
        domain = "hardware" if self._config.playback is not None else domain
        return self._stamps.to_monotonic(round(colour.get_timestamp() * 1e6), domain, arrival)

    def _in_millimetres(self, depth: np.ndarray) -> np.ndarray:
        if abs(self._millimetres - 1.0) < 1e-6:
            return depth
        return np.minimum(np.rint(depth * self._millimetres), 65535).astype(np.uint16)  # a D405 counts tenths


def to_intrinsics(intrinsics: Any) -> Intrinsics:
    """Return librealsense's intrinsics as `Intrinsics`."""
    return Intrinsics(
        intrinsics.height, intrinsics.width, intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy,
        MODELS.get(intrinsics.model.name, "plumb_bob"), tuple(float(c) for c in intrinsics.coeffs),
    )  # fmt: skip


def free_path(path: Path) -> Path:
    """`path`, or with a number where it exists: a reconnect must not write over what was recorded before.

    Example:
        >>> free_path(Path("never/was/there.db3")).name
        'there.db3'
    """
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([path], numbered) if not candidate.exists())


def _depth_unit_mm(rs: Any, sensors: list[Any]) -> float:
    for sensor in sensors:
        if sensor.is_depth_sensor() or sensor.supports(rs.option.depth_units):
            return 1000.0 * float(sensor.get_option(rs.option.depth_units))
    return 1.0


def _temperature_c(rs: Any, sensors: list[Any]) -> float | None:
    for sensor in sensors:
        for option in (rs.option.asic_temperature, rs.option.projector_temperature):
            if sensor.supports(option):
                return float(sensor.get_option(option))
    return None
