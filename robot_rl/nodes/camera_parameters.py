"""The camera node's ROS parameters: its own in one table, the camera's derived from the settings of its kind."""

import ast
import dataclasses
import inspect
import itertools
import math
import textwrap
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.settings import from_text, load_settings
from robot_rl.hardware.cameras import KINDS, camera_kind
from robot_rl.hardware.cameras.config import CameraConfig, CameraSet
from robot_rl.hardware.cameras.views import View

SERIAL_DIGITS = 12  # of a RealSense; with a leading zero YAML makes a smaller number of it
COMMON = ("name", "kind", "view", "max_age_s")
"""Settings of every camera that are no parameters: the node publishes whole images, however old."""


class Parameter(NamedTuple):
    """One parameter: its default, one line about it, and its bounds where it is a number."""

    default: Any
    text: str
    least: float | None = None
    most: float | None = None
    typed: bool = True
    """False: any type is taken, and the camera's settings check it."""


PARAMETERS = {
    "camera": Parameter("camera", "The camera's name: prefix of its topics and frames."),
    "file": Parameter("", "A cameras.json with the settings of the camera of that name; empty: these parameters."),
    "kind": Parameter("realsense", f"{', '.join(KINDS)}, module:Class or path/to/file.py:Class."),
    "jpeg_quality": Parameter(0, "Publish JPEG for recordings at this quality; 0: not.", 0, 100),
    "parent_frame": Parameter("", "Parent frame of the camera's pose, as in `hand`; empty: no transform."),
    "xyz": Parameter([0.0, 0.0, 0.0], "Position of the optical frame in `parent_frame` [m]."),
    "quat_xyzw": Parameter([0.0, 0.0, 0.0, 1.0], "Orientation of the optical frame (z forward, x right) there."),
}


def kind_parameters(kind: str) -> dict[str, Parameter]:
    """Return the parameters of a kind of camera: the fields of its settings, with their docstrings.

    None is written as an empty text. A camera that can measure depth publishes it by default.

    Raises:
        ConfigError: an unknown kind.
    """
    config = camera_kind(kind, "kind").Config
    texts = field_texts(config)
    return {
        field.name: Parameter(_default(field), texts.get(field.name, field.name), typed=False)
        for field in dataclasses.fields(config)
        if field.name not in COMMON and isinstance(_default(field), str | int | float | bool)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is None or field.default is dataclasses.MISSING:
        return ""
    return True if field.name == "depth" else field.default


def field_texts(config: type) -> dict[str, str]:
    """Return the docstring of each field of a dataclass, those it inherits included, as in the source, in one line."""
    bodies = [
        ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        for each in reversed(config.__mro__)
        if dataclasses.is_dataclass(each)
    ]
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for body in bodies
        if isinstance(body, ast.ClassDef)
        for field, text in itertools.pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _text(config: type, name: str, value: Any) -> str:
    """Return a parameter's value as text.

    Raises:
        ConfigError: a number where text belongs, and digits may be lost: YAML reads 017322071690 as 17322071690.0 and
            001622072047 as 239629351.
    """
    if isinstance(value, bool):
        return str(value).lower()
    number = isinstance(value, int | float) and typing.get_type_hints(config)[name] is str
    whole = isinstance(value, int) and (len(str(value)) >= SERIAL_DIGITS or name == "device")
    if number and not whole:
        raise ConfigError(
            f"{name}: got the number {value}, expected text: a leading zero is lost; write _ before the digits, as in "
            f"-p {name}:=_017322071690."
        )
    return str(value)


@dataclass(frozen=True)
class Extrinsics:
    """Pose of a camera's optical frame (x right, y down, z forward) in its parent's.

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
    """Settings of the node, from its parameters."""

    config: CameraConfig
    extrinsics: Extrinsics | None
    jpeg_quality: int

    @property
    def frame_id(self) -> str:
        """Return the frame of all its images: depth is in the colour camera's pixels."""
        return f"{self.config.name}_color_optical_frame"


def node_settings(values: Mapping[str, Any]) -> NodeSettings:
    """Return what the parameters mean.

    Args:
        values: those of `PARAMETERS` and, without a `file`, of the kind's own.

    Raises:
        UnknownNameError: an unknown kind.
        ConfigError: values that cannot work.
    """
    file = values.get("file")
    config = _of_file(Path(file), values["camera"]) if file else _of_parameters(values)
    parent = str(values["parent_frame"])
    extrinsics = Extrinsics(parent, tuple(values["xyz"]), tuple(values["quat_xyzw"])) if parent else None
    return NodeSettings(replace(config, view=View(size=None)), extrinsics, int(values["jpeg_quality"]))


def _of_file(path: Path, name: str) -> Any:
    cameras = {config.name: config for config in load_settings(CameraSet, path).cameras}
    if name not in cameras:
        raise unknown_name("camera", name, cameras)
    return cameras[name]


def _of_parameters(values: Mapping[str, Any]) -> Any:
    kind = str(values["kind"])
    own = {name: values[name] for name in kind_parameters(kind) if name in values}
    config_type = camera_kind(kind, "kind").Config
    texts = {name: _text(config_type, name, value) for name, value in own.items()}
    return from_text(
        config_type,
        {"name": str(values["camera"]), "kind": kind, **{name: text for name, text in texts.items() if text}},
        str(values["camera"]),
    )
