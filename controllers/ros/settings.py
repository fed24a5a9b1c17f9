"""Gains as ROS parameters: names, ranges, and their fields of the gains.

A change is applied completely or not at all: it is checked against the active gains by the rules of `make_gains`. Names
with `task.` are those of crisp_controllers, for parameters of equal meaning.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from controllers.arms.spec import DRIVERS, SIMULATED, ArmSpec, arm_names
from controllers.drivers.grippers import GRIPPERS, NONE
from controllers.host.control_stack import check_guards
from controllers.law.gain import Gain
from controllers.law.gains import Gains
from controllers.law.presets import NAMES, preset
from controllers.ros import graph

AXES = ("x", "y", "z")


class Setting(NamedTuple):
    """One parameter."""

    name: str
    lower: float
    upper: float
    text: str
    field: str
    """Of the gains."""
    scalar: bool
    """A number, not an array."""
    flag: bool = False
    """True or false, not a number."""
    entry: int = -1
    """Of the field's entry that an alias stands for; -1: the whole field."""


def _own() -> list[Setting]:
    """Every gain that is declared as a parameter."""
    found = []
    for name, field in Gains.fields.items():
        declared: Gain = field.declared
        if declared.parameter:
            found.append(Setting(name, *declared.range, declared.text, name, field.axes == (), declared.flag))
    return found


def _alias(name: str, entry: int, upper: float, text: str, field: str) -> Setting:
    lower = -1.0 if field == "constant_damping" else 0.0  # crisp_controllers' -1: by the damping ratio
    return Setting(name, lower, upper, f"{text} (crisp_controllers' name)", field, True, entry=entry)


def _aliases() -> list[Setting]:
    found = []
    for i, axis in enumerate(AXES):
        clip_names = (f"task.error_clip.{axis}", f"task.error_clip.r{axis}")
        found += [
            _alias(f"task.k_pos_{axis}", i, 5000.0, f"stiffness along {axis} [N/m]", "stiffness"),
            _alias(f"task.k_rot_{axis}", 3 + i, 300.0, f"stiffness about {axis} [N m/rad]", "stiffness"),
            _alias(f"task.d_pos_{axis}", i, 1000.0, f"damping along {axis} [N s/m]; {_DAMPING}", "constant_damping"),
            _alias(
                f"task.d_rot_{axis}", 3 + i, 100.0, f"damping about {axis} [N m s/rad]; {_DAMPING}", "constant_damping"
            ),
            _alias(clip_names[0], i, 0.2, f"upper clip of the error along {axis} [m]", "clip"),
            _alias(clip_names[1], 3 + i, 1.0, f"upper clip of the error about {axis} [rad]", "clip"),
        ]
    return [*found, _alias("nullspace.max_tau", -1, 20.0, "as posture_torque_max", "posture_torque_max")]


_DAMPING = "used instead of damping_ratio when all six are above zero; -1 or 0: the ratio"
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in (*_own(), *_aliases())}


# Parameters besides the gains: fixed when the node starts.
NODE_PARAMETERS: dict[str, tuple[Any, str]] = {
    "driver": ("", f"{', '.join(DRIVERS)}, module:Class or file.py:Class; empty: the arm's own"),
    "arm": (SIMULATED, f"{', '.join(arm_names())}, or the path of an arm's YAML file"),
    "robot_ip": ("", "the arm's address; empty: that of its file"),
    "urdf": ("", "path of the arm's URDF, for the drivers ur and effort; empty: that of its file"),
    "urdf_tcp_link": ("", "the URDF's link that is the tool centre point; empty: that of its file"),
    "gripper": ("", f"driver: {', '.join([*GRIPPERS, NONE])}, or a class; empty: that of the arm's file"),
    "preset": ("", f"gains to start from: {', '.join(NAMES)}; empty: those of the arm's file"),
    "base_frame": (graph.BASE, "frame of all commands and states"),
    "tf_prefix": ("", "prefix of the TF frames, as in left/"),
    "publish_tf": (True, "base to tcp"),
    "publish_joint_states": (True, "where no other node does"),
    "publish_rate_hz": (100.0, "of the states, 1 to 500 [Hz]"),
    "loop_cpu": (-1, "core of the loop; -1: any"),
    "loop_shield": (False, "move all other threads off the loop's core, and spin on it"),
    "autostart": (False, "configure and activate at once, without a launch file"),
    "end_with_parent": (True, "stop the arm when the parent process ends"),
    "topics": ([""], "topics beside the controller's own, each module:Class or file.py:Class"),
    "crisp": (False, "offer what crisp_py expects of crisp_controllers: switches, and a controller_manager"),
    "home_pose": ([0.0] * 7, "x y z and quaternion x y z w of ~/home; zeros: the posture, by a joint motion"),
}


def values_of(gains: Gains) -> dict[str, Any]:
    """Return each parameter's value in these gains."""
    return {name: _value(gains, setting) for name, setting in SETTINGS.items()}


def _value(gains: Gains, setting: Setting) -> Any:
    if setting.field == "clip":
        return float(max(gains.clip_upper[setting.entry], -gains.clip_lower[setting.entry]))
    value = getattr(gains, setting.field)
    if setting.entry >= 0:
        return float(np.nan_to_num(value[setting.entry]))
    return bool(value) if setting.flag else float(value) if setting.scalar else np.ravel(value).tolist()


def as_declared(value: Any, default: Any) -> Any:
    """Return a parameter's value in the type of its default: numbers as doubles, also whole ones and texts like `.inf`.

    Example:
        >>> as_declared([600, ".inf"], [1.0]), as_declared("[1, -.inf]", [1.0]), as_declared(3, 1.0)
        ([600.0, inf], [1.0, -inf], 3.0)
    """
    if isinstance(default, float):
        return _as_double(value)
    if np.iterable(default) and not isinstance(default, str) and isinstance(next(iter(default)), float):
        listed = value.strip("[] ").split(",") if isinstance(value, str) else value  # ROS's text of a list with .inf
        return [_as_double(entry) for entry in listed] if np.iterable(listed) else value
    return value


def _as_double(value: Any) -> Any:
    try:
        return value if isinstance(value, bool) else float(str(value).replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return value


def changed(gains: Gains, changes: Mapping[str, Any]) -> Gains:
    """Return gains with parameters changed, all of them; an array outranks the names of its entries.

    Raises:
        ValueError: with the parameter, its value and the rule; nothing has changed then.
    """
    values: dict[str, Any] = {}
    arrays = {SETTINGS[name].field.removesuffix("_lower").removesuffix("_upper") for name in changes if "." not in name}
    for name, value in changes.items():
        setting = SETTINGS[name]
        array = _checked(setting, value, gains)
        if setting.entry < 0 or setting.field not in arrays:
            _put(setting, array, values, gains)
    if "constant_damping" in values:
        damping = values["constant_damping"]  # a partial set is stored as nan and zero: the damping ratio applies then
        values["constant_damping"] = damping if np.isfinite(damping).all() and (damping > 0.0).all() else None
    return gains.changed(**values)


def first_gains(own: Gains, name: str, given: Mapping[str, Any], arm: ArmSpec) -> Gains:
    """Return the arm's gains, or those of the preset `name`, with the changes of the start.

    Raises:
        ValueError: as in `changed`, `preset` and `check_guards`.
    """
    if name:
        check_guards(name, arm)
        own = preset(name, own.posture, workspace_lower=own.workspace_lower, workspace_upper=own.workspace_upper)
    return changed(own, given) if given else own


def with_damping(changes: Mapping[str, Any], shown: Callable[[str], Any]) -> dict[str, Any]:
    """Add the present values to a change of constant damping, whose six parameters apply when complete."""
    names = [name for name, setting in SETTINGS.items() if setting.field == "constant_damping"]
    return {name: shown(name) for name in names if name not in changes} | dict(changes)


def stale(gains: Gains, shown: Callable[[str], Any]) -> dict[str, float | list[float]]:
    """Return parameters that differ from the active gains, aliases included."""
    return {
        name: value
        for name, value in values_of(gains).items()
        if SETTINGS[name].field != "constant_damping" and not np.array_equal(np.ravel(shown(name)), np.ravel(value))
    }


def home_of(numbers: Sequence[float]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return position and unit quaternion of `home_pose`; None without a pose."""
    pose = np.array(numbers, dtype=float)
    norm = np.linalg.norm(pose[3:])
    return (pose[:3], pose[3:] / norm) if pose.size == 7 and norm > 0.5 else None


def _checked(setting: Setting, value: Any, gains: Gains) -> np.ndarray:
    array = np.array(value, dtype=np.float64).reshape(-1)
    size = 1 if setting.scalar else np.size(getattr(gains, setting.field))
    if array.size != size and setting.field != "planes":
        raise ValueError(f"{setting.name}: got {array.size} numbers, expected {size}; {setting.text}.")
    if not ((array >= setting.lower) & (array <= setting.upper)).all():  # nan is never within
        raise ValueError(
            f"{setting.name}: got {array.tolist()}, expected {setting.lower:g} to {setting.upper:g}; {setting.text}."
        )
    return array


def _put(setting: Setting, array: np.ndarray, values: dict[str, Any], gains: Gains) -> None:
    if setting.field == "clip":
        for field, sign in (("clip_lower", -1.0), ("clip_upper", 1.0)):
            values.setdefault(field, getattr(gains, field).copy())[setting.entry] = sign * array[0]
    elif setting.entry >= 0:
        values.setdefault(setting.field, np.nan_to_num(getattr(gains, setting.field)))[setting.entry] = array[0]
    else:
        values[setting.field] = array[0] if setting.scalar else array
