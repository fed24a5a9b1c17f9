"""Which cameras this machine has, and whether those of the settings deliver; for each line: fine, or what to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from controllers.ros.graph import image_topic
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import RobotRLError
from robot_rl.core.settings import load_settings
from robot_rl.doctor.finding import Finding, State, check_seconds, package_finding
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.config import CameraConfig, CameraSet, TopicConfig
from robot_rl.hardware.cameras.factory import make_cameras
from robot_rl.hardware.cameras.grabber import CameraHealth
from robot_rl.hardware.cameras.realsense_devices import (
    TESTED_VERSION,
    USB_ADVICE,
    RealSenseDevice,
    list_devices,
    machine_context,
)
from robot_rl.hardware.cameras.webcam import list_webcams

INTEL = "8086"
RULES_ADVICE = (
    "install librealsense's udev rules (99-realsense-libusb.rules into /etc/udev/rules.d, then "
    "`sudo udevadm control --reload-rules && sudo udevadm trigger`), and plug it in again"
)
VIDEO_ADVICE = "sudo usermod -aG video $USER, then log in again"
LEAST_SHARE = 0.9
"""Of the asked rate; less is a slow cable, a long exposure, or a machine that is too busy."""


@dataclass(frozen=True)
class CameraProbes:
    """The ways to the facts; tests hand in others."""

    package: Callable[[str, str, State], Finding] = package_finding
    context: Callable[[], Any] = machine_context
    root: Path = Path("/")
    open: Callable[[CameraConfig], Camera] = lambda config: make_cameras([config])[0]
    clock: Clock = field(default_factory=SystemClock)


def check(file: Positional[Path | None] = None, seconds: float = 2.0) -> Iterator[Finding]:
    """Check which cameras there are, and whether those of a file deliver.

    Library, RealSense devices (serial, USB, firmware), webcams; for each `ok`, or what to do. Each camera of the file
    is opened and watched: rate, drops, age, temperature, settings that it ignores. Exit code 1 when a needed part is
    missing.

    example of a file (docs/cameras.md has all settings):
      {"cameras": [{"kind": "realsense", "name": "wrist", "serial": "128422270679"},
                   {"kind": "webcam", "name": "side", "device": "/dev/video0"}]}

    Args:
        file: File of cameras, as in `cameras.json`.
        seconds: How long each camera of the file is watched [s].
    """
    check_seconds(seconds)
    return examine_cameras(() if file is None else load_settings(CameraSet, file).cameras, seconds)


def examine_cameras(
    configs: Sequence[CameraConfig], seconds: float, doors: CameraProbes | None = None
) -> Iterator[Finding]:
    """Yield the findings one by one.

    Args:
        configs: cameras that are opened and watched.
        seconds: how long each is watched.
    """
    doors = doors or CameraProbes()
    yield doors.package("opencv-python", "camera", "missing" if configs else "optional")
    library = doors.package("pyrealsense2", "camera", "optional")
    yield _library(library)
    if library.state == "ok":
        yield from _realsenses(doors)
    yield from _webcams(doors.root)
    for config in configs:
        yield _delivery(config, seconds, doors)


def _library(found: Finding) -> Finding:
    if found.state != "ok" or found.value.startswith(TESTED_VERSION):
        return found
    return Finding("ok", found.name, f"{found.value} (tested: {TESTED_VERSION})")


def _realsenses(doors: CameraProbes) -> Iterator[Finding]:
    devices = list_devices(doors.context())
    for device in devices:
        yield _realsense(device)
    plugged = len(list(_intel_cameras(doors.root)))
    if plugged > len(devices):
        yield Finding("missing", "RealSense on USB", f"{plugged} plugged in, {len(devices)} usable; {RULES_ADVICE}")
    elif not devices:
        yield Finding("optional", "RealSense", "none is plugged in")


def _realsense(device: RealSenseDevice) -> Finding:
    firmware = f"firmware {device.firmware or 'unknown'}"
    if device.newest_firmware and device.newest_firmware != device.firmware:
        firmware += f" (recommended: {device.newest_firmware}; rs-fw-update or realsense-viewer)"
    text = f"{device.name}, USB {device.usb or 'unknown'}, {firmware}"
    if device.slow:
        return Finding("missing", device.serial, f"{text}; {USB_ADVICE}")
    return Finding("ok", device.serial, text)


def _intel_cameras(root: Path) -> Iterator[Path]:
    for vendor in sorted((root / "sys/bus/usb/devices").glob("*/idVendor")):
        product = vendor.with_name("product")
        if vendor.read_text().strip() == INTEL and product.is_file() and "RealSense" in product.read_text():
            yield vendor.parent


def _webcams(root: Path) -> Iterator[Finding]:
    devices = list_webcams(root / "dev")
    for path in devices:
        label = root / "sys/class/video4linux" / path.name / "name"
        text = label.read_text().strip() if label.is_file() else "unnamed"
        if os.access(path, os.R_OK | os.W_OK):
            yield Finding("ok", f"/dev/{path.name}", text)
        else:
            yield Finding("missing", f"/dev/{path.name}", f"{text}: no permission; {VIDEO_ADVICE}")
    if not devices:
        yield Finding("optional", "webcams", "no /dev/video*")


def _delivery(config: CameraConfig, seconds: float, doors: CameraProbes) -> Finding:
    if isinstance(config, TopicConfig):
        return Finding("optional", config.name, f"a topic; see: ros2 topic hz {_topic(config)}")
    try:
        camera = doors.open(config)
    except RobotRLError as error:
        return Finding("missing", config.name, str(error))
    try:
        return _watched(config, camera, seconds, doors.clock)
    finally:
        camera.close()


def _topic(config: TopicConfig) -> str:
    return config.topic or image_topic(config.name).name


def _watched(config: CameraConfig, camera: Camera, seconds: float, clock: Clock) -> Finding:
    assert isinstance(camera, BackgroundCamera) and not isinstance(config, TopicConfig)
    before, start_ns = camera.health(), clock.now_ns()
    clock.sleep_until(start_ns + round(seconds * NS_PER_S))
    after, passed_s = camera.health(), (clock.now_ns() - start_ns) / NS_PER_S
    rate_hz = (after.frames - before.frames) / passed_s
    text = _figures(after, rate_hz, after.dropped - before.dropped)
    if rate_hz < LEAST_SHARE * config.rate_hz:
        advice = "try another port and a shorter cable, a shorter exposure, or a lower rate"
        return Finding("missing", config.name, f"{text}; expected {config.rate_hz:g} pictures/s: {advice}")
    return Finding("ok", config.name, text)


def _figures(health: CameraHealth, rate_hz: float, dropped: int) -> str:
    age = "" if health.age_s is None else f", newest {1e3 * health.age_s:.0f} ms old"
    warmth = "" if health.temperature_c is None else f", {health.temperature_c:.0f} C"
    remarks = "".join(f"; {remark}" for remark in health.remarks)
    return f"{rate_hz:.1f} pictures/s, {dropped} dropped{age}{warmth}{remarks}"
