"""What the camera's node is told: its ROS parameters in one table, and the settings that they make."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.hardware.cameras.config import RealSenseConfig, WebcamConfig
from robot_rl.hardware.cameras.views import View

KINDS: dict[str, type[RealSenseConfig] | type[WebcamConfig]] = {"realsense": RealSenseConfig, "webcam": WebcamConfig}
WORDS = ("serial", "device")
"""Parameters that are words although they may look like numbers, as in `-p serial:=128422270679`."""


class Parameter(NamedTuple):
    """One parameter: its default, one line about it, and its bounds where it is a number."""

    default: Any
    text: str
    least: float | None = None
    most: float | None = None


PARAMETERS = {
    "camera": Parameter("camera", "The camera's name: first word of its topics and frames."),
    "kind": Parameter("realsense", "`realsense` or `webcam`."),
    "serial": Parameter("", "RealSense: serial number; empty: the only one there is."),
    "device": Parameter("0", "Webcam: number, path, or a video file, which plays in a loop."),
    "width": Parameter(640, "Of the picture [pixels].", 1, 8192),
    "height": Parameter(480, "Of the picture [pixels].", 1, 8192),
    "rate_hz": Parameter(30, "Pictures a second.", 1, 300),
    "depth": Parameter(True, "RealSense: publish depth in the colour picture's pixels, too."),
    "auto_exposure": Parameter(False, "Let the device choose its exposure."),
    "exposure_s": Parameter(0.01, "Exposure [s].", 1e-6, 1.0),
    "gain": Parameter(64.0, "Gain, in the device's unit.", 0.0, 1e4),
    "auto_white_balance": Parameter(False, "Let the device choose its white balance."),
    "white_balance_k": Parameter(4600.0, "Colour temperature of the light [K].", 1000.0, 20000.0),
    "depth_exposure_s": Parameter(0.0085, "RealSense: exposure of the stereo pair [s].", 1e-6, 1.0),
    "depth_gain": Parameter(16.0, "RealSense: gain of the stereo pair, in the device's unit.", 0.0, 1e4),
    "global_time": Parameter(True, "RealSense: let the library translate the device's stamps to this machine's clock."),
    "fourcc": Parameter("MJPG", "Webcam: how pictures cross the USB."),
    "record": Parameter("", "RealSense: write pictures to this .db3 file."),
    "playback": Parameter("", "RealSense: play this .db3 file instead of a device."),
    "jpeg_quality": Parameter(0, "Publish JPEG for recordings at this quality; 0: not.", 0, 100),
    "parent_frame": Parameter("", "Frame in which the camera's pose is given, as in `hand`; empty: no transform."),
    "xyz": Parameter([0.0, 0.0, 0.0], "Position of the optical frame in `parent_frame` [m]."),
    "quat_xyzw": Parameter([0.0, 0.0, 0.0, 1.0], "Orientation of the optical frame (z forward, x right) there."),
}


@dataclass(frozen=True)
class Extrinsics:
    """Where a camera's optical frame (x right, y down, z forward) stands in its parent's.

    Raises:
        ConfigError: numbers that are no pose.
    """

    parent: str
    xyz: tuple[float, ...]
    quat_xyzw: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.xyz) != 3 or not all(math.isfinite(value) for value in self.xyz):
            raise ConfigError(f"xyz: got {self.xyz}, expected three finite numbers; correct it.")
        length = math.hypot(*self.quat_xyzw)
        if len(self.quat_xyzw) != 4 or not abs(length - 1.0) < 1e-3:
            raise ConfigError(f"quat_xyzw: got {self.quat_xyzw}, expected four numbers of length 1; normalise it.")


@dataclass(frozen=True)
class NodeSettings:
    """What the node does, from its parameters."""

    config: RealSenseConfig | WebcamConfig
    extrinsics: Extrinsics | None
    jpeg_quality: int

    @property
    def frame_id(self) -> str:
        """Of all its pictures: depth is given in the colour camera's pixels."""
        return f"{self.config.name}_color_optical_frame"


def node_settings(values: Mapping[str, Any]) -> NodeSettings:
    """What the parameters of `PARAMETERS` mean.

    Raises:
        UnknownNameError: a kind that there is not.
        ConfigError: values that cannot work.
    """
    if values["kind"] not in KINDS:
        raise unknown_name("kind", str(values["kind"]), KINDS)
    kind = KINDS[values["kind"]]
    known = {field.name for field in dataclasses.fields(kind)} - {"kind", "name", "view"}
    chosen = {name: _converted(name, value) for name, value in values.items() if name in known}
    config = kind(name=values["camera"], view=View(size=None), **chosen)
    parent = str(values["parent_frame"])
    extrinsics = Extrinsics(parent, tuple(values["xyz"]), tuple(values["quat_xyzw"])) if parent else None
    return NodeSettings(config, extrinsics, int(values["jpeg_quality"]))


def _converted(name: str, value: Any) -> Any:
    if name in WORDS:
        return str(value)
    if name in ("record", "playback"):
        return Path(value) if value else None
    return value
