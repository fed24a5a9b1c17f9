"""Cameras behind one protocol: one file a kind, and one line each in `KINDS`.

A kind is a class of these names; those after the second may be left out:

    Config                 frozen dataclass with `name`, `kind`, `view`, `max_age_s` and its own settings
    open(config, context)  returns a `robot_rl.hardware.cameras.camera.Camera`; its device may come later
    packages               packages that it needs -> the extra that installs them
    present()              the settings of each device on this machine
    devices(root)          yields a `DeviceReport` for each device below the root folder, for `robot-rl doctor cameras`
    label(config)          names the device of some settings
    identity(config)       what tells its device from others (model, port), for a run's fingerprint; else the label
    on_graph               True: its images come over the ROS graph
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from robot_rl.core.clock import Clock
from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import available, resolve

if TYPE_CHECKING:
    from controllers.ros.wire import Wire

KINDS = {
    "realsense": "robot_rl.hardware.cameras.realsense:RealSense",
    "webcam": "robot_rl.hardware.cameras.webcam:Webcam",
    "topic": "robot_rl.hardware.cameras.ros_topic:RosTopic",
}
"""Name -> `module:Class`."""
GROUP = "robot_rl.cameras"
"""Entry points under which other packages register theirs."""


@dataclass(frozen=True)
class CameraContext:
    """Context of a camera's opening."""

    clock: Clock
    wire: Wire | None = None
    """Connection to the ROS graph; None: there is none."""
    ready_s: float = 10.0
    """Longest wait for the first image [s]."""


class DeviceReport(NamedTuple):
    """One device of this machine, or a group of them."""

    name: str
    text: str
    state: str = "ok"  # "missing": it cannot be used, and the text holds what to do; "optional": there is none


def camera_kind(name: str, what: str = "camera kind") -> Any:
    """Return a kind by name, `module:Class` or `path/to/file.py:Class`.

    Raises:
        ConfigError: an unknown name, or something that is no kind of camera.
    """
    kind = resolve(what, name, KINDS, GROUP)
    if not (hasattr(kind, "Config") and callable(getattr(kind, "open", None))):
        raise ConfigError(f"{what}: got {name!r}, expected a class with `Config` and `open`; see docs/extending.md.")
    return kind


def all_kinds() -> dict[str, Any]:
    """Return the kinds of the table and of other packages by name."""
    return {name: camera_kind(name) for name in available(KINDS, GROUP)}
