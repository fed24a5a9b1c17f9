"""The one check that compiled code cannot make: an array of the wrong size would be read beyond its end."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Target
from controllers.law.gains import Gains
from controllers.law.options import extras_dtype

_STATE = {"R": "33", "p": "3", "tau_external": "N", "stamp_s": "1"}
_DYNAMICS = {"J": "6N", "M": "NN"}
_TARGET = {"p": "3", "quat_xyzw": "4", "twist": "6", "wrench": "6", "stamp_s": "1", "frame": "1"}
_GAINS = {"posture": "N", "task_R": "33", "workspace_lower": "3", "workspace_upper": "3", "speed_max": "2"}
_MAY_BE_LEFT_OUT = ("tau_external", "stamp_s", "frame")


def check_shapes(state: ArmState, dynamics: ArmDynamics, target: Target, gains: Gains, limits: ArmLimits) -> None:
    """Call once before the loop starts, with the very arrays that the ticks will be given.

    Raises: ValueError, naming the array, its type and shape, and the rule.
    """
    joints = state.q.size
    _check(state, "N", _STATE, joints)
    _check(dynamics, "N", _DYNAMICS, joints)
    _check(target, "6", _TARGET, joints)
    _check(gains._replace(extras=1.0), "6", _GAINS, joints)  # type: ignore[arg-type]  # a record, checked by its type
    if gains.extras.dtype != extras_dtype(joints):
        raise ValueError(f"Gains.extras: got {gains.extras.dtype}, expected extras of {joints} joints; make_extras().")
    _check(limits, "N", {}, joints)


def _check(arrays: NamedTuple, usual: str, special: dict[str, str], joints: int) -> None:
    for name, value in arrays._asdict().items():
        if isinstance(value, float) or (name in _MAY_BE_LEFT_OUT and np.size(value) == 0):
            continue
        axes = special.get(name, usual)
        shape = tuple(joints if axis == "N" else int(axis) for axis in axes)
        if not _fits(value, shape):
            raise ValueError(
                f"{type(arrays).__name__}.{name}: got {_describe(value)}, "
                f"expected C-contiguous float64 of shape {shape}; N is the number of joints in state.q."
            )


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.float64
        and value.shape == shape
        and value.flags.c_contiguous
    )


def _describe(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return f"{value!r}"
    order = "C-contiguous" if value.flags.c_contiguous else "not C-contiguous"
    return f"{value.dtype} of shape {value.shape}, {order}"
