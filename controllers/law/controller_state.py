"""Everything the loop remembers from tick to tick: one numpy record, owned by one loop."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from controllers.arm import ArmState, Mode
from controllers.compilation import inner
from controllers.geometry import FloatArray, quat_from_matrix
from controllers.law.active_gains import ActiveGains, live_dtype
from controllers.law.backoff import Path, path_dtype
from controllers.law.impedance import Scratch, workspace_dtype
from controllers.law.reference import Goal, goal_dtype


class Counter(IntEnum):
    """Index into ControllerState.counters."""

    TICKS = 0
    DEADLINES_MISSED = 1
    TARGETS_TAKEN = 2
    TARGETS_DROPPED = 3
    HOLDS = 4
    FAULTS = 5
    RECOVERIES = 6


LoopState = NDArray[
    np.void
]  # (1,) of the record `ControllerState`: an array reaches compiled code 30 times faster than a record


class ControllerState(Protocol):
    """The record. Change it through the functions of `controllers.law.tick` only."""

    mode: int  # a Mode
    fault: int  # the Reason of the fault, or of a refused activation
    counters: NDArray[np.int64]  # by Counter
    refresh_in: int  # ticks until the damping matrix is computed again
    goal: Goal  # the last target that was taken
    reference_p: FloatArray  # (3,) [m]
    reference_quat_xyzw: FloatArray  # (4,)
    stiffness_scale: float  # 0..1, the ramp
    yield_scale: float  # 0..1, what contact leaves of it
    tank_j: float  # what targets and gains may still put into the arm [J]
    damping: FloatArray  # (6, 6) D in the task frame
    tau: FloatArray  # (N,) last command [N m]
    tau_external: FloatArray  # (N,) estimate [N m]
    q_last: FloatArray  # (N,)
    dq_last: FloatArray  # (N,)
    unchanged_s: float  # for how long a moving arm has reported the same joint positions [s]
    live: ActiveGains
    path: Path
    work: Scratch


def make_loop_state(joints: int) -> LoopState:
    """State for an arm of `joints` joints, in ACTIVATING: the first tick takes the present pose as its target."""
    fields = [
        ("mode", "i8"),
        ("fault", "i8"),
        ("counters", "i8", (len(Counter),)),
        ("refresh_in", "i8"),
        ("goal", goal_dtype()),
        ("reference_p", "f8", (3,)),
        ("reference_quat_xyzw", "f8", (4,)),
        *((name, "f8") for name in ("stiffness_scale", "yield_scale", "tank_j")),
        ("damping", "f8", (6, 6)),
        *((name, "f8", (joints,)) for name in ("tau", "tau_external", "q_last", "dq_last")),
        ("unchanged_s", "f8"),
        ("live", np.dtype(live_dtype(joints), align=True)),
        ("path", np.dtype(path_dtype(), align=True)),
        ("work", np.dtype(workspace_dtype(joints), align=True)),
    ]
    memory = np.zeros(1, np.dtype(fields, align=True))
    memory["mode"] = Mode.ACTIVATING
    memory["path"]["recovered_s"] = -math.inf
    return memory


def look(memory: LoopState) -> ControllerState:
    """The loop's memory with its fields as attributes, for reading: `look(memory).mode`. It follows each tick."""
    return cast(ControllerState, memory.view(np.recarray)[0])


@inner
def hold_here(state: ArmState, memory: ControllerState) -> None:
    """Take the present pose as the goal and as the reference, without feed-forward. The goal keeps its stamp."""
    quat = quat_from_matrix(state.R)
    for i in range(3):
        memory.goal.p[i] = state.p[i]
        memory.reference_p[i] = state.p[i]
    for i in range(4):
        memory.goal.quat_xyzw[i] = quat[i]
        memory.reference_quat_xyzw[i] = quat[i]
    for i in range(6):
        memory.goal.twist[i] = 0.0
        memory.goal.wrench[i] = 0.0
