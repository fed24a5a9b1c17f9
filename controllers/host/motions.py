"""Joint motions and hand guiding: a client's command, and its service in the control process.

The client repeats its command with fresh stamps; when it falls silent the motion ends and the arm holds.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from controllers.arm import Mode, Reason
from controllers.geometry import FloatArray
from controllers.law.control_loop import ControlLoop
from controllers.law.joint_motion import end_motion, keep_motion, start_guiding, start_motion
from controllers.law.motion_check import MotionPlan, plan_motion, refusal
from controllers.law.tick import make_controller_state
from controllers.records import Joints, Record, make_record

MOVING_RAD_PER_S = 0.2  # a motion starts from rest
_TRACKING = (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING)


class MotionKind(IntEnum):
    """Kinds of commands."""

    NONE = 0  # end the motion
    JOINTS = 1
    GUIDING = 2


class MotionCommand(NamedTuple):
    """A client's command; the same number with a newer stamp keeps a motion alive."""

    kind: MotionKind
    number: int
    stamp_s: float  # on the system's monotonic clock [s]
    q: FloatArray  # (N,) the goal of a joint motion [rad]
    speed: float = 1.0  # of the full speed, in (0, 1]


class MotionRecord(Record):
    """The mailbox's slot of a command."""

    kind: int
    number: int
    stamp_s: float
    speed: float
    q: Joints


def serve_motion(loop: ControlLoop, command: MotionRecord) -> str:
    """Start, keep alive or end a motion; return why it is refused, else empty. Compiled but for a few lines."""
    own = loop.memory
    if command.number == own.motion_number:
        keep_motion(loop, command.stamp_s)
        return ""
    if command.kind == MotionKind.NONE:
        end_motion(loop, command.number, Reason.OK.value)
        return ""
    text = _start(loop, command)
    if text:
        end_motion(loop, command.number, Reason.MOTION_REFUSED.value)
    return text


def _start(loop: ControlLoop, command: MotionRecord) -> str:
    mode, fastest = Mode(loop.memory.mode), float(np.abs(loop.state.dq).max())
    if mode not in _TRACKING:
        return f"motion: got an arm in the mode {mode.name}, expected one that tracks targets; activate it first."
    if fastest > MOVING_RAD_PER_S:
        return f"motion: got joints at {fastest:.2f} rad/s, expected an arm at rest; wait until it holds still."
    if command.kind == MotionKind.GUIDING:
        start_guiding(loop, command.number, command.stamp_s)
        return ""
    q_goal = np.array(command.q)
    plan, text = plan_joints(loop, q_goal, command.speed)
    if not text:
        start_motion(loop, command.number, q_goal, plan.duration_s, command.stamp_s)
    return text


def plan_joints(loop: ControlLoop, q_goal: FloatArray, speed: float) -> tuple[MotionPlan, str]:
    """Return the plan of a joint motion from here, and why it must not start."""
    plan = make_record(MotionPlan, q_goal.size)
    if not (np.isfinite(q_goal).all() and 0.0 < speed <= 1.0):
        return plan, f"joint motion: got {q_goal.tolist()} at speed {speed}, expected numbers and (0, 1]; correct them."
    plan_motion(loop.state, loop.dynamics.J, q_goal, speed, loop.gains, loop.limits, plan)
    return plan, refusal(plan)


def compile_motions(loop: ControlLoop) -> None:
    """Run each path once, so that nothing is compiled while the arm moves."""
    q = loop.state.q.copy()
    scratch = loop._replace(memory=make_controller_state(q.size))
    plan_joints(scratch, q, 1.0)
    start_motion(scratch, 1, q, 1.0, 0.0)
    start_guiding(scratch, 2, 0.0)
    keep_motion(scratch, 0.0)
    end_motion(scratch, 3, Reason.OK.value)
