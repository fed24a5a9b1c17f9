"""Checks of cameras: devices of this machine, and delivery of those in a file; each line is ok, or holds what to do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tyro.conf import Positional

from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import RobotRLError
from robot_rl.core.settings import load_settings
from robot_rl.doctor.finding import Finding, State, check_seconds, package_finding
from robot_rl.hardware.cameras import DeviceReport, all_kinds, camera_kind
from robot_rl.hardware.cameras.background import BackgroundCamera
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.config import CameraConfig, CameraSet
from robot_rl.hardware.cameras.factory import make_cameras
from robot_rl.hardware.cameras.grabber import CameraHealth
from robot_rl.hardware.cameras.realsense_devices import TESTED_VERSION

LEAST_SHARE = 0.9
"""Of the requested rate; less is a slow cable, a long exposure, or a machine that is too busy."""


def devices_of(kind: Any) -> Iterable[DeviceReport]:
    """Return the devices of a kind on this machine; none for a kind that cannot list them."""
    return kind.devices(Path("/")) if hasattr(kind, "devices") else ()


@dataclass(frozen=True)
class CameraProbes:
    """The sources of the findings; tests pass others."""

    package: Callable[[str, str, State], Finding] = package_finding
    devices: Callable[[Any], Iterable[DeviceReport]] = devices_of
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
    configs: Sequence[CameraConfig], seconds: float, probes: CameraProbes | None = None
) -> Iterator[Finding]:
    """Yield the findings one by one.

    Args:
        configs: cameras that are opened and watched.
        seconds: how long each is watched.
    """
    probes = probes or CameraProbes()
    needed = {config.kind for config in configs}
    for name, kind in {**all_kinds(), **{kind: camera_kind(kind) for kind in needed}}.items():
        packages = [
            _tested(probes.package(package, extra, "missing" if name in needed else "optional"))
            for package, extra in getattr(kind, "packages", {}).items()
        ]
        yield from packages
        if all(package.state == "ok" for package in packages):
            yield from _devices(name, kind, probes)
    for config in configs:
        yield _delivery(config, seconds, probes)


def _tested(found: Finding) -> Finding:
    tested = TESTED_VERSION if found.name == "pyrealsense2" else ""
    if found.state != "ok" or found.value.startswith(tested):
        return found
    return Finding("ok", found.name, f"{found.value} (tested: {tested})")


def _devices(name: str, kind: Any, probes: CameraProbes) -> Iterator[Finding]:
    try:
        for report in probes.devices(kind):
            yield Finding(cast(State, report.state), report.name, report.text)
    except RobotRLError as error:  # its library is installed and does not load; go on with the other kinds
        yield Finding("missing", name, str(error))


def _delivery(config: CameraConfig, seconds: float, probes: CameraProbes) -> Finding:
    kind = camera_kind(config.kind)
    if getattr(kind, "on_graph", False):
        return Finding("optional", config.name, f"a topic; see: ros2 topic hz {kind.label(config)}")
    try:
        camera = probes.open(config)
    except RobotRLError as error:
        return Finding("missing", config.name, str(error))
    try:
        return _watched(config, camera, seconds, probes.clock)
    finally:
        camera.close()


def _watched(config: CameraConfig, camera: Camera, seconds: float, clock: Clock) -> Finding:
    if not isinstance(camera, BackgroundCamera):
        image = camera.read().image
        return Finding("ok", config.name, f"delivers {image.shape[1]} x {image.shape[0]}; its rate is not measured")
    before, start_ns = camera.health(), clock.now_ns()
    clock.sleep_until(start_ns + round(seconds * NS_PER_S))
    after, passed_s = camera.health(), (clock.now_ns() - start_ns) / NS_PER_S
    rate_hz = (after.frames - before.frames) / passed_s
    text = _metrics(after, rate_hz, after.dropped - before.dropped)
    expected_hz = float(getattr(config, "rate_hz", 0.0))
    if rate_hz < LEAST_SHARE * expected_hz:
        advice = "try another port and a shorter cable, a shorter exposure, or a lower rate"
        return Finding("missing", config.name, f"{text}; expected {expected_hz:g} images/s: {advice}")
    return Finding("ok", config.name, text)


def _metrics(health: CameraHealth, rate_hz: float, dropped: int) -> str:
    age = "" if health.age_s is None else f", newest {1e3 * health.age_s:.0f} ms old"
    warmth = "" if health.temperature_c is None else f", {health.temperature_c:.0f} C"
    remarks = "".join(f"; {remark}" for remark in health.remarks)
    return f"{rate_hz:.1f} images/s, {dropped} dropped{age}{warmth}{remarks}"
