"""Reference: slow, untrusted targets are checked, speed-limited and filtered.

The filter walks from the reference towards the target by a fraction 1 - exp(-dt / T). It never uses the logarithm of
an absolute pose, which wraps at pi, where the gripper points down.
"""

import math

from controllers.arm import Frame, Reason, Target
from controllers.compilation import inner
from controllers.geometry import FloatArray, bounded, quat_normalised, quat_towards
from controllers.law.gains import Gains
from controllers.law.virtual_walls import clip_cone, clip_position, inside_workspace
from controllers.records import Axes3, Axes4, Axes6, Record

FUTURE_TOLERANCE_S = 0.01  # two readings of one clock, taken in two threads
QUAT_NORM_TOLERANCE = 0.01


@inner
def all_finite(x: FloatArray) -> bool:
    """Return whether a vector is free of nan and inf: x - x is zero for finite numbers only."""
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] - x[i]
    return total == 0.0


@inner
def check_target(target: Target, gains: Gains, stamp_last_s: float, now_s: float) -> int:
    """Return the reason to reject a target, or OK."""
    stamp_s = target.stamp_s[0]
    if not (all_finite(target.p) and all_finite(target.quat_xyzw) and all_finite(target.stamp_s)):
        return Reason.TARGET_NOT_FINITE.value
    if not (all_finite(target.twist) and all_finite(target.wrench)):
        return Reason.TARGET_NOT_FINITE.value
    if stamp_s < stamp_last_s:
        return Reason.TARGET_OUT_OF_ORDER.value
    if stamp_s > now_s + FUTURE_TOLERANCE_S:
        return Reason.TARGET_FROM_THE_FUTURE.value
    q = target.quat_xyzw
    if not abs(math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]) - 1.0) <= QUAT_NORM_TOLERANCE:
        return Reason.TARGET_QUATERNION_NOT_UNIT.value
    if target.frame.shape[0] > 0 and target.frame[0] != Frame.BASE.value:
        return Reason.TARGET_FRAME_UNKNOWN.value
    if gains.clip_targets == 0.0 and not inside_workspace(target.p, target.quat_xyzw, gains):
        return Reason.TARGET_OUTSIDE_WORKSPACE.value
    return Reason.OK.value


class Goal(Record):
    """The last accepted target. Fields as in Target."""

    p: Axes3
    quat_xyzw: Axes4
    twist: Axes6
    wrench: Axes6
    stamp_s: float


@inner
def take_target(target: Target, goal: Goal) -> None:
    """Copy a checked target, its quaternion normalised."""
    q = quat_normalised(target.quat_xyzw)
    for i in range(3):
        goal.p[i] = target.p[i]
    for i in range(4):
        goal.quat_xyzw[i] = q[i]
    for i in range(6):
        goal.twist[i] = target.twist[i]
        goal.wrench[i] = target.wrench[i]
    goal.stamp_s = target.stamp_s[0]


@inner
def confine_goal(goal: Goal, gains: Gains, reference_p: FloatArray) -> None:
    """Project a goal outside the workspace onto its edge, so that the reference on its way stays inside, too.

    In an empty workspace the goal is the reference.
    """
    if not clip_position(goal.p, gains):
        for i in range(3):
            goal.p[i] = reference_p[i]
    clip_cone(goal.quat_xyzw, gains, 0.0)


@inner
def advance_reference(
    goal: Goal, filter_time_s: float, dt_s: float, speed: float, turn_speed: float, p: FloatArray, quat: FloatArray
) -> None:
    """Move the reference pose (p, quat) one filter step towards the goal, no faster than the speeds [m/s, rad/s]."""
    T = filter_time_s
    fraction = 1.0 - math.exp(-dt_s / T) if T > 0.0 else 1.0
    way = (fraction * (goal.p[0] - p[0]), fraction * (goal.p[1] - p[1]), fraction * (goal.p[2] - p[2]))
    step = bounded(way, speed * dt_s)
    turned = quat_towards(quat, goal.quat_xyzw, fraction, turn_speed * dt_s)
    for i in range(3):
        p[i] += step[i]
    for i in range(4):
        quat[i] = turned[i]
