"""Check of a joint motion before it starts: joint limits and workspace along the whole path, speed by its duration.

One Jacobian gives the tool's pose anywhere on the path, without a model: its columns are the joints' axes, and with
them T(q) = exp(S_1 (q_1 - q_01)) ... exp(S_N (q_N - q_0N)) T(q_0) for a chain of revolute and prismatic joints.
Source: Lynch and Park, "Modern Robotics", 2017, chapter 4.1.

The tool keeps to box, planes and cone. The other links keep to the planes and above the box's lower face; its other
faces bound the tool only, since the base stands outside of them. A link is the segment between two points of joint
axes, the feet of their common normals (the origins of Denavit and Hartenberg's frames): shoulder, elbow, wrist, flange.
"""

import math
from enum import IntEnum
from typing import Annotated

from controllers.arm import ArmLimits, ArmState
from controllers.compilation import compiled, inner
from controllers.geometry import (
    FloatArray,
    Quat,
    Vec3,
    norm3,
    quat_exp,
    quat_from_matrix,
    quat_multiply,
    rotation_error,
)
from controllers.law.gains import Gains
from controllers.law.joint_motion import quintic
from controllers.law.virtual_walls import cone_excess
from controllers.records import Joints, Record

SAMPLES = 200  # of the path: at most 0.3 mm from it at a metre and five radians
SPEED_RAD_PER_S, ACCELERATION = 1.0, 2.0  # of a joint at full speed [rad/s, rad/s^2]
RISE = 1.875  # largest ds/du of the quintic; 5.78 is its largest d2s/du2
SLACK = 1e-4  # beyond a bound [m, rad]
FACES = 10  # six of the box, four planes
LOWER_Z, FIRST_PLANE = 2, 6  # the faces for links
LINK_RADIUS_M = 0.06  # of a slender arm's tubes
PARALLEL = 0.01  # squared sine of the angle between two axes


class Bound(IntEnum):
    """Bounds of a joint motion."""

    NONE = 0
    JOINT = 1
    FACE = 2
    CONE = 3


class MotionPlan(Record):
    """Result of the check: a duration, or the first violated bound."""

    duration_s: float
    bound: int  # a Bound
    index: int  # of the joint or face
    link: int  # that violates it, 1 to N - 1; 0: the tool
    share: float  # of the path
    beyond: float  # distance beyond the bound [m, rad]
    q: Joints
    start: Annotated[FloatArray, FACES + 1]  # distances of the tool beyond the faces and the cone at the start
    points: Annotated[FloatArray, "N", 3]  # on the joints' axes at the start


@inner
def _turned(v: Vec3, axis: Vec3, angle: float) -> Vec3:
    """Return exp(angle axis) v, by Rodrigues."""
    c, s = math.cos(angle), math.sin(angle)
    along = (1.0 - c) * (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2])
    return (
        c * v[0] + s * (axis[1] * v[2] - axis[2] * v[1]) + along * axis[0],
        c * v[1] + s * (axis[2] * v[0] - axis[0] * v[2]) + along * axis[1],
        c * v[2] + s * (axis[0] * v[1] - axis[1] * v[0]) + along * axis[2],
    )


@inner
def _axis_point(state: ArmState, J: FloatArray, k: int) -> Vec3:
    """Return the point of a revolute joint's axis next to the tool: p + w x v."""
    v, w = (J[0, k], J[1, k], J[2, k]), (J[3, k], J[4, k], J[5, k])
    return (
        state.p[0] + w[1] * v[2] - w[2] * v[1],
        state.p[1] + w[2] * v[0] - w[0] * v[2],
        state.p[2] + w[0] * v[1] - w[1] * v[0],
    )


@inner
def _moved(state: ArmState, J: FloatArray, q: FloatArray, joints: int, p: Vec3, quat: Quat) -> tuple[Vec3, Quat]:
    """Return where a pose of the present arm is when the first joints are at other positions."""
    x, y, z = p
    for back in range(joints):
        k = joints - 1 - back
        v, w, angle = (J[0, k], J[1, k], J[2, k]), (J[3, k], J[4, k], J[5, k]), q[k] - state.q[k]
        if norm3(w[0], w[1], w[2]) < 0.5:  # prismatic
            x, y, z = x + angle * v[0], y + angle * v[1], z + angle * v[2]
            continue
        ax, ay, az = _axis_point(state, J, k)
        arm = _turned((x - ax, y - ay, z - az), w, angle)
        x, y, z = ax + arm[0], ay + arm[1], az + arm[2]
        quat = quat_multiply(quat_exp((angle * w[0], angle * w[1], angle * w[2])), quat)
    return (x, y, z), quat


@compiled
def pose_at(state: ArmState, J: FloatArray, q: FloatArray) -> tuple[Vec3, Quat]:
    """Return the tool's position and quaternion at other joint positions."""
    p = state.p[0], state.p[1], state.p[2]
    return _moved(state, J, q, q.shape[0], p, quat_from_matrix(state.R))


@compiled
def link_points(state: ArmState, J: FloatArray, points: FloatArray) -> None:
    """Write the foot (N, 3) on each joint's axis of the common normal with the axis before; see the module."""
    last, b = (state.p[0], state.p[1], state.p[2]), (0.0, 0.0, 0.0)  # the axis before: none
    before = last
    for k in range(points.shape[0]):
        w = (J[3, k], J[4, k], J[5, k])
        if norm3(w[0], w[1], w[2]) >= 0.5:
            a = _axis_point(state, J, k)
            d = (before[0] - a[0], before[1] - a[1], before[2] - a[2])
            cosine = b[0] * w[0] + b[1] * w[1] + b[2] * w[2]
            along = d[0] * w[0] + d[1] * w[1] + d[2] * w[2]
            if 1.0 - cosine * cosine > PARALLEL:
                along = (along - cosine * (d[0] * b[0] + d[1] * b[1] + d[2] * b[2])) / (1.0 - cosine * cosine)
            else:  # any normal would do: that of the point before
                along = (last[0] - a[0]) * w[0] + (last[1] - a[1]) * w[1] + (last[2] - a[2]) * w[2]
            last, before, b = (a[0] + along * w[0], a[1] + along * w[1], a[2] + along * w[2]), a, w
        points[k, 0], points[k, 1], points[k, 2] = last


@inner
def _point(points: FloatArray, k: int) -> Vec3:
    return points[k, 0], points[k, 1], points[k, 2]


@inner
def _beyond(p: Vec3, quat: Quat, gains: Gains, face: int) -> float:
    """Return the distance beyond a face [m], or the cone [rad]."""
    if face < 3:
        return gains.workspace_lower[face] - p[face]
    if face < 6:
        return p[face - 3] - gains.workspace_upper[face - 3]
    if face < FACES:
        n = gains.planes[face - 6]
        return n[3] - (n[0] * p[0] + n[1] * p[1] + n[2] * p[2])
    return cone_excess(quat, gains)[1] if gains.cone_rad < math.pi else -1.0


@inner
def _link_violated(state: ArmState, J: FloatArray, gains: Gains, plan: MotionPlan) -> bool:
    """Write the first bound that a link exceeds further than it did at the start."""
    still = (0.0, 0.0, 0.0, 1.0)
    for k in range(1, plan.points.shape[0]):
        first = _point(plan.points, k)
        now = _moved(state, J, plan.q, k, first, still)[0]
        for face in range(LOWER_Z, FACES):
            if face == LOWER_Z or face >= FIRST_PLANE:
                beyond = _beyond(now, still, gains, face) + LINK_RADIUS_M
                if beyond > max(_beyond(first, still, gains, face) + LINK_RADIUS_M, 0.0) + SLACK:
                    plan.bound, plan.index, plan.link, plan.beyond = Bound.FACE.value, face, k, beyond
                    return True
    return False


@inner
def _beyond_stop(q: float, k: int, limits: ArmLimits, margin: float) -> float:
    return max(q - (limits.q_upper[k] - margin), (limits.q_lower[k] + margin) - q)


@inner
def _violated(state: ArmState, q_goal: FloatArray, p: Vec3, quat: Quat, gains: Gains, limits: ArmLimits,
              plan: MotionPlan) -> bool:  # fmt: skip
    """Write the first bound that this sample exceeds further than the start did."""
    margin = gains.joint_margin_rad
    for k in range(q_goal.shape[0]):
        beyond = _beyond_stop(plan.q[k], k, limits, margin)
        if beyond > max(_beyond_stop(state.q[k], k, limits, margin), 0.0) + SLACK:
            plan.bound, plan.index, plan.beyond = Bound.JOINT.value, k, beyond
            return True
    for face in range(FACES + 1):
        beyond = _beyond(p, quat, gains, face)
        if beyond > max(plan.start[face], 0.0) + SLACK:
            plan.bound, plan.index, plan.beyond = Bound.FACE.value if face < FACES else Bound.CONE.value, face, beyond
            return True
    return False


@inner
def _joint_duration(way: float, dq_max: float, speed: float) -> float:
    fastest = speed * min(SPEED_RAD_PER_S, dq_max)
    return max(RISE * abs(way) / fastest, math.sqrt(5.78 * abs(way) / (speed * ACCELERATION)))


@compiled
def plan_motion(
    state: ArmState, J: FloatArray, q_goal: FloatArray, speed: float, gains: Gains, limits: ArmLimits, out: MotionPlan
) -> None:
    """Write the duration at a fraction of the full speed, or the first bound that the path violates.

    An arm beyond a bound may move, but no further beyond. The tool keeps to `speed_max` on the path.
    """
    plan, own, before = out[0], gains[0], pose_at(state, J, state.q)
    plan.bound, plan.link, plan.duration_s = Bound.NONE.value, 0, 0.1
    link_points(state, J, plan.points)
    for face in range(FACES + 1):
        plan.start[face] = _beyond(before[0], before[1], own, face)
    for k in range(q_goal.shape[0]):
        plan.duration_s = max(plan.duration_s, _joint_duration(q_goal[k] - state.q[k], limits.dq_max[k], speed))
    for n in range(1, SAMPLES + 1):
        plan.share = quintic(n / SAMPLES)[0]
        for k in range(q_goal.shape[0]):
            plan.q[k] = state.q[k] + plan.share * (q_goal[k] - state.q[k])
        now = pose_at(state, J, plan.q)
        if _violated(state, q_goal, now[0], now[1], own, limits, plan) or _link_violated(state, J, own, plan):
            return
        far = norm3(now[0][0] - before[0][0], now[0][1] - before[0][1], now[0][2] - before[0][2])
        turn = rotation_error(before[1], now[1])
        turned = norm3(turn[0], turn[1], turn[2])
        fastest = max(far / own.speed_max[0], turned / own.speed_max[1]) * SAMPLES / speed
        plan.duration_s, before = max(plan.duration_s, fastest), now


def refusal(plan: MotionPlan) -> str:
    """Return why the motion must not start; empty when it may."""
    if plan.bound == Bound.NONE:
        return ""
    where = f"after {plan.share:.0%} of the way"
    if plan.bound == Bound.JOINT:
        what = f"joint {plan.index + 1} {plan.beyond:.3f} rad beyond its limit less joint_margin_rad"
    elif plan.bound == Bound.CONE:
        what = f"the tool's axis {plan.beyond:.3f} rad outside its cone"
    else:
        side = f"{('lower', 'upper')[plan.index // 3]} {'xyz'[plan.index % 3]}" if plan.index < 6 else ""
        side = side or f"plane {plan.index - 5}"
        part = f"link {plan.link} (at joint {plan.link + 1})" if plan.link else "the tool"
        what = f"{part} {plan.beyond:.3f} m beyond {side} of the workspace"
    return f"joint motion: got {what} {where}, expected no bound exceeded; rise first, or choose another posture."
