"""RealSense devices on this machine: list, reasons why one cannot be used.

A `context` is librealsense's own (`rs.context()`); another one may be handed in, with software devices in it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras import DeviceReport

TESTED_VERSION = "2.59.1"
USB_ADVICE = (
    "use a USB 3 port and a USB 3 cable of at most 2 m, and push the plug in quickly: a slow one connects as USB 2"
)
RULES_ADVICE = (
    "install librealsense's udev rules (99-realsense-libusb.rules into /etc/udev/rules.d, then "
    "`sudo udevadm control --reload-rules && sudo udevadm trigger`), and plug it in again"
)
INTEL = "8086"
BUSY_PHRASES = ("busy", "is streaming", "power state", "Failed to open", "failed to set")
"""Phrases of librealsense's errors for a device in use by another process."""


class RealSenseDevice(NamedTuple):
    """One device, as it describes itself; empty texts where it does not."""

    serial: str
    name: str
    usb: str
    firmware: str
    newest_firmware: str  # that the library recommends

    @property
    def slow(self) -> bool:
        """Whether it is connected as USB 2."""
        return self.usb.startswith("2")


def import_realsense() -> Any:
    """Return the library.

    Raises:
        ConfigError: it is not installed, or a library that it needs is not.
    """
    try:
        import pyrealsense2
    except ImportError as error:
        raise ConfigError(
            f"pyrealsense2: got {error}, expected it for a RealSense; run: apt install libusb-1.0-0, and "
            "pip install -c constraints.txt -e '.[camera]'."
        ) from error
    return pyrealsense2


@cache
def machine_context() -> Any:
    """Return the devices of this machine; one context for the process, since each watches the USB bus by itself."""
    return import_realsense().context()


def list_devices(context: Any) -> list[RealSenseDevice]:
    """Return the devices that are plugged in now, by serial number."""
    return sorted(describe(device) for device in context.query_devices())


def report_devices(root: Path, context: Any) -> Iterator[DeviceReport]:
    """Yield each device, and whether it can stream; those on USB that the library cannot open, too."""
    devices = list_devices(context)
    for device in devices:
        yield _report(device)
    plugged = len(list(_on_usb(root)))
    if plugged > len(devices):
        text = f"{plugged} plugged in, {len(devices)} usable; {RULES_ADVICE}"
        yield DeviceReport("RealSense on USB", text, "missing")
    elif not devices:
        yield DeviceReport("RealSense", "none is plugged in", "optional")


def _report(device: RealSenseDevice) -> DeviceReport:
    firmware = f"firmware {device.firmware or 'unknown'}"
    if device.newest_firmware and device.newest_firmware != device.firmware:
        firmware += f" (recommended: {device.newest_firmware}; rs-fw-update or realsense-viewer)"
    text = f"{device.name}, USB {device.usb or 'unknown'}, {firmware}"
    return (
        DeviceReport(device.serial, f"{text}; {USB_ADVICE}", "missing")
        if device.slow
        else DeviceReport(device.serial, text)
    )


def _on_usb(root: Path) -> Iterator[Path]:
    for vendor in sorted((root / "sys/bus/usb/devices").glob("*/idVendor")):
        product = vendor.with_name("product")
        if vendor.read_text().strip() == INTEL and product.is_file() and "RealSense" in product.read_text():
            yield vendor.parent


def describe(device: Any) -> RealSenseDevice:
    """Return a device's own description."""
    rs = import_realsense()
    info = rs.camera_info
    keys = (
        info.serial_number, info.name, info.usb_type_descriptor, info.firmware_version,
        info.recommended_firmware_version,
    )  # fmt: skip
    return RealSenseDevice(*(device.get_info(key) if device.supports(key) else "" for key in keys))


def find_device(context: Any, name: str, serial: str) -> Any:
    """Return the device of a serial number; an empty one takes the only device there is.

    Raises:
        ConfigError: an empty serial number, and several devices.
        DeviceLostError: it is not there; the text lists those that are.
    """
    serial = serial.removeprefix("_")  # as realsense-ros writes a number that shall stay text
    devices = list(context.query_devices())
    present = [describe(device) for device in devices]
    if not serial and len(devices) > 1:
        raise ConfigError(f"{name}: got no serial, expected one of {_listed(present)}; set it.")
    for device, described in zip(devices, present, strict=True):
        if serial in ("", described.serial):
            return device
    wanted = f"serial {serial!r}" if serial else "any RealSense"
    raise DeviceLostError(f"{name}: got {_listed(present)}, expected {wanted}; plug it in, or correct the serial.")


def reset_device(context: Any, name: str, serial: str) -> None:
    """Restart a device's firmware, as unplugging it would; it is gone for some seconds.

    Raises:
        DeviceLostError: it is not there, or does not take the request.
    """
    try:
        find_device(context, name, serial).hardware_reset()
    except RuntimeError as error:
        raise DeviceLostError(f"{name}: got {error}, expected a reset; unplug it and plug it in again.") from error


def refusal(name: str, described: RealSenseDevice, mode: str, error: Exception) -> DeviceLostError:
    """Return the error for a device that is there and does not start."""
    text = str(error)
    if any(phrase.lower() in text.lower() for phrase in BUSY_PHRASES):
        advice = f"it is in use ({text}): close the other program (realsense-viewer, a ROS node, another run)"
    elif described.slow:
        advice = f"it is connected as USB {described.usb} ({text}): {USB_ADVICE}"
    else:
        advice = f"{text}: unplug it and plug it in again"
    return DeviceLostError(f"{name}: got no images from serial {described.serial!r}, expected {mode}; {advice}.")


def cannot_stream(name: str, device: Any, mode: str) -> ConfigError:
    """Return the error for a mode that the device does not have."""
    described = describe(device)
    modes = ", ".join(colour_modes(device)) or "no colour images at all"
    usb = f" over USB {described.usb} ({USB_ADVICE})" if described.slow else ""
    return ConfigError(f"{name}: got {mode}, expected a mode that serial {described.serial!r} has{usb}: {modes}.")


def colour_modes(device: Any) -> list[str]:
    """Sizes and rates in which the device delivers colour, as in `640x480@30`."""
    rs = import_realsense()
    modes = set[tuple[int, int, int]]()
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() == rs.stream.color and profile.is_video_stream_profile():
                video = profile.as_video_stream_profile()
                modes.add((video.width(), video.height(), video.fps()))
    return [f"{width}x{height}@{fps}" for width, height, fps in sorted(modes)]


def _listed(devices: Sequence[RealSenseDevice]) -> str:
    return ", ".join(f"{device.serial!r} ({device.name})" for device in sorted(devices)) or "no RealSense at all"
