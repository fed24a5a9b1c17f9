"""Values of an arm's file: each check names the key, the value and the rule."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np

from controllers.arm import NO_BRAKING, ArmLimits
from controllers.checks import FloatArray, finite, no_nan, non_negative, not_negative

ARRAYS = ("q_lower", "q_upper", "dq_max", "tau_max", "tau_rate_max")  # the first fields of ArmLimits
BRAKING = ("velocity_offset", "deceleration", "q_lower", "q_upper")  # the rows of ArmLimits.braking
LIMITS = (*ARRAYS, "power_max")


class ArmFileError(ValueError):
    """An arm that does not exist, or a file that does not describe one."""


@dataclass(frozen=True)
class Payload:
    """Load of the flange beyond the hand that the arm is configured for."""

    mass_kg: float
    com_m: FloatArray
    """(3,) centre of mass in the flange's frame [m]."""
    inertia_kg_m2: FloatArray
    """(3, 3) about the centre of mass, axes of the flange."""


@dataclass(frozen=True)
class Offset:
    """Pose of a frame in another."""

    xyz_m: FloatArray
    """(3,) [m]."""
    R: FloatArray
    """(3, 3), in the file `rpy_rad`: roll, pitch, yaw about fixed axes [rad], as in a URDF."""


def joint_names(value: Any) -> tuple[str, ...]:
    """Return the names of an arm's joints.

    Raises:
        ValueError: no list of different texts.
    """
    names = value if isinstance(value, list) and value else [None]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(f"joints: got {value!r}, expected a list of different names, as in [joint1, joint2].")
    return tuple(names)


def _limits(value: Any, joints: int) -> ArmLimits:
    content = mapping("limits", value, (*LIMITS, "braking"), LIMITS)
    arrays = {name: _numbers(f"limits.{name}", content[name], joints) for name in ARRAYS}
    for name in ARRAYS[2:]:
        not_negative(f"limits.{name}", arrays[name])
    if (arrays["q_lower"] >= arrays["q_upper"]).any():
        raise ValueError(f"limits.q_lower: got {arrays['q_lower'].tolist()}, expected values below q_upper; swap them.")
    power_max = float(_numbers("limits.power_max", content["power_max"], 1, no_nan)[0])
    return ArmLimits(**cast(Any, arrays), power_max=power_max, braking=_braking(content.get("braking"), joints))


def _braking(value: Any, joints: int) -> FloatArray:
    """Return the constants of velocity limits that depend on the position; empty without them."""
    if value is None:
        return NO_BRAKING
    content = mapping("limits.braking", value, BRAKING, BRAKING)
    return np.array([_numbers(f"limits.braking.{name}", content[name], joints) for name in BRAKING])


def _payload(value: Any, joints: int) -> Payload:
    content = mapping("payload", value, [entry.name for entry in fields(Payload)], ["mass_kg"])
    mass = float(_numbers("payload.mass_kg", content["mass_kg"], 1, non_negative)[0])
    com = _numbers("payload.com_m", content.get("com_m", 0.0), 3)
    ball = 0.4 * mass * 0.05**2  # of 5 cm
    diagonal = _numbers("payload.inertia_kg_m2", content.get("inertia_kg_m2", ball), 3, non_negative)
    return Payload(mass, com, np.diag(diagonal))


def _offset(key: str, value: Any) -> Offset:
    content = mapping(key, value, ["xyz_m", "rpy_rad"])
    R = rotation_of_rpy(*_numbers(f"{key}.rpy_rad", content.get("rpy_rad", 0.0), 3))
    return Offset(_numbers(f"{key}.xyz_m", content.get("xyz_m", 0.0), 3), R)


def rotation_of_rpy(roll: float, pitch: float, yaw: float) -> FloatArray:
    """Return the rotation (3, 3) of roll, pitch, yaw about fixed axes [rad], as in a URDF."""
    return _turn(2, yaw) @ _turn(1, pitch) @ _turn(0, roll)


def _turn(axis: int, angle: float) -> FloatArray:
    """Return the rotation (3, 3) about a coordinate axis; without scipy, which the Python of `ros2 launch` may lack."""
    R, (i, j) = np.eye(3), ((axis + 1) % 3, (axis + 2) % 3)
    R[i, i] = R[j, j] = np.cos(angle)
    R[j, i], R[i, j] = np.sin(angle), -np.sin(angle)
    return R


def _numbers(name: str, value: Any, size: int, rule: Callable[..., FloatArray] = finite) -> FloatArray:
    try:
        array = np.asarray("a truth" if isinstance(value, bool) else value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArmFileError(f"{name}: got {value!r}, expected {size} numbers, or one for all.") from error
    return rule(name, array, size)


PARTS: dict[str, Callable[[Any, int], Any]] = {
    "posture": lambda value, joints: tuple(_numbers("posture", value, joints).tolist()),
    "rotor_inertia": lambda value, joints: tuple(_numbers("rotor_inertia", value, joints, non_negative).tolist()),
    "limits": _limits,
    "payload": _payload,
    "tcp": lambda value, joints: _offset("tcp", value),
    "hand": lambda value, joints: _offset("hand", value),
    "rate_hz": lambda value, joints: float(_numbers("rate_hz", value, 1, non_negative)[0]),
}


def mapping(key: str, value: Any, known: Iterable[str] | None = None, needed: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return a mapping with all of `needed` and nothing beyond `known`, or refuse it."""
    if not isinstance(value, dict):
        raise ArmFileError(f"{key}: got {value!r}, expected a mapping of names to values.")
    check_keys(key, value, value if known is None else known)
    if missing := [name for name in needed if name not in value]:
        raise ArmFileError(f"{key}: got no {', '.join(missing)}, expected each of {list(needed)}.")
    return value


def check_keys(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a key that is not known, with the nearest one."""
    names = sorted(known)
    for name in given:
        if name not in names:
            raise ArmFileError(f"{where}: got '{name}', expected one of {names}; {nearest(str(name), names)}")


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the advice for an unknown name."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.4)
    return f"did you mean '{found[0]}'?" if found else "choose one of these."
