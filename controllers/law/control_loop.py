"""Arrays of one control loop, and their check: compiled code would read beyond the end of a wrong one."""

from typing import Any, NamedTuple

import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Target
from controllers.checks import FloatArray
from controllers.law.controller_state import ControllerState
from controllers.law.gains import Gains
from controllers.records import fields_of, record_dtype

_MAY_BE_LEFT_OUT = ("tau_external", "stamp_s", "robot_s", "frame", "braking")


class ControlLoop(NamedTuple):
    """Inputs and outputs of a tick; a host writes state, dynamics and target in place."""

    state: ArmState
    dynamics: ArmDynamics
    target: Target
    gains: Gains  # the requested gains
    limits: ArmLimits
    memory: ControllerState
    tau: FloatArray  # (N,) the command [N m]


def check_shapes(loop: ControlLoop) -> None:
    """Check the arrays that the ticks will use; call it once before the loop starts.

    Raises:
        ValueError: naming the array, its type and shape, and the rule.
    """
    joints = loop.state.q.size
    for arrays in (loop.state, loop.dynamics, loop.target, loop.limits):
        _check(arrays, joints)
    for name, record in (("gains", loop.gains), ("memory", loop.memory)):
        if record.shape != (1,) or record.dtype != record_dtype(type(record), joints):
            raise ValueError(f"{name}: got a record of another arm, expected one of {joints} joints, as state.q has.")


def _check(arrays: NamedTuple, joints: int) -> None:
    fields = fields_of(type(arrays))
    for name, value in arrays._asdict().items():
        if isinstance(value, float) or (name in _MAY_BE_LEFT_OUT and np.size(value) == 0):
            continue
        shape = fields[name].shape(joints)
        if not _fits(value, shape):
            raise ValueError(
                f"{type(arrays).__name__}.{name}: got {_describe(value)}, "
                f"expected C-contiguous float64 of shape {shape}; the arm has {joints} joints, by state.q."
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
