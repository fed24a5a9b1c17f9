"""Controller state: all that a loop keeps from tick to tick, in one record."""

import math
from enum import IntEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from controllers.arm import ArmState, Mode
from controllers.compilation import inner
from controllers.geometry import quat_from_matrix
from controllers.law.backoff import Path
from controllers.law.gains import Gains
from controllers.law.impedance import Scratch
from controllers.law.reference import Goal
from controllers.records import Axes3, Axes4, Axes6, Joints, Matrix6, Record, make_record


class Counter(IntEnum):
    """Index into ControllerState.counters."""

    TICKS = 0
    DEADLINES_MISSED = 1
    TARGETS_TAKEN = 2
    TARGETS_DROPPED = 3
    HOLDS = 4
    FAULTS = 5
    RECOVERIES = 6


Counters = Annotated[NDArray[np.int64], len(Counter)]


class Motion(Record):
    """The joint motion or guiding under way; see `controllers.law.joint_motion`."""

    q_start: Joints  # [rad]
    q_goal: Joints
    duration_s: float
    elapsed_s: float
    stamp_s: float  # newest sign of life of its client; -inf: ended


class ControllerState(Record):
    """Read its fields at any time; change it through the functions of `controllers.law.tick` only."""

    mode: int  # a Mode
    fault: int  # the Reason of the fault, or of a refused activation
    rejected: int  # the Reason why the newest target was dropped, or OK
    counters: Counters  # by Counter
    refresh_in: int  # ticks until the damping matrix is computed again
    goal: Goal  # the last accepted target
    reference_p: Axes3  # [m]
    reference_quat_xyzw: Axes4
    stiffness_scale: float  # 0..1, the ramp
    yield_scale: float  # 0..1, its scale under contact
    tank_j: float  # level of the energy tank [J]
    damping: Matrix6  # D in the task frame
    wrench: Axes6  # feed-forward wrench, within its rate limit [N, N m]
    integral: Axes6  # wrench of the integral [N, N m]
    tau: Joints  # last command [N m]
    robot_s: float  # the robot's own time of the last state [s]
    tau_external: Joints  # estimate [N m]
    q_last: Joints
    dq_last: Joints
    unchanged_s: float  # time that a moving arm has reported the same joint positions [s]
    gains: Gains  # the active ones
    path: Path
    motion: Motion
    motion_number: int  # of the last request
    motion_result: int  # its Reason: MOVING_JOINTS or GUIDED while it lasts, OK or what ended it
    work: Scratch


def make_controller_state(joints: int) -> ControllerState:
    """Return the state in ACTIVATING: the first tick takes the present pose as its target."""
    memory = make_record(ControllerState, joints, mode=Mode.ACTIVATING)
    memory.path.recovered_s[:] = -math.inf
    return memory


@inner
def hold_here(state: ArmState, memory: ControllerState) -> None:
    """Take the present pose as the goal and as the reference, without feed-forward. The goal keeps its stamp."""
    quat = quat_from_matrix(state.R)
    for i in range(3):
        memory.reference_p[i] = state.p[i]
    for i in range(4):
        memory.reference_quat_xyzw[i] = quat[i]
    hold_reference(memory)


@inner
def hold_reference(memory: ControllerState) -> None:
    """Take the reference as the goal, without feed-forward: the spring keeps its force."""
    goal = memory.goal
    for i in range(3):
        goal.p[i] = memory.reference_p[i]
    for i in range(4):
        goal.quat_xyzw[i] = memory.reference_quat_xyzw[i]
    for i in range(6):
        goal.twist[i] = 0.0
        goal.wrench[i] = 0.0
