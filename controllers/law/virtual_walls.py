"""Virtual walls: joint limits, and the workspace as box, planes and a cone for the tool's axis.

Each is a one-sided spring-damper with a smooth onset, outside the nullspace and independent of posture and target.
The spring is soft; the hard limit is on the reference, which never leaves the workspace.
"""

import math

from controllers.arm import ArmDynamics, ArmLimits, ArmState
from controllers.compilation import compiled, inner
from controllers.geometry import (
    FloatArray,
    Indexable,
    Quat,
    Vec3,
    norm3,
    quat_exp,
    quat_multiply,
    quat_normalised,
    quat_towards,
    rotation_error,
)
from controllers.law.gains import Gains
from controllers.law.impedance import Scratch
from controllers.law.matrices import add_transposed_product, multiply
from controllers.law.polytope_projection import FACE_TOLERANCE_M, beyond_faces, nearest_inside

JOINT_STIFFNESS, JOINT_DAMPING = 1000.0, 63.0  # of the joints' walls, per unit of inertia [1/s^2, 1/s]; 2 sqrt(1000)
FENCE_STIFFNESS, FENCE_DAMPING = 2000.0, 60.0  # of box and planes [N/m, N s/m]
CONE_STIFFNESS, CONE_DAMPING = 50.0, 2.0  # [N m/rad, N m s/rad]


@inner
def onset(depth: float, margin: float) -> float:
    """Return the smooth step 3 x^2 - 2 x^3: 0 outside the margin, 1 at its end and beyond."""
    x = min(max(depth / margin, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


@inner
def add_joint_walls(
    q: FloatArray, dq: FloatArray, M: FloatArray, limits: ArmLimits, gains: Gains, tau: FloatArray
) -> None:
    """Push each joint back from its limits; damp only motion towards them."""
    margin = gains.joint_margin_rad
    for k in range(tau.shape[0]):
        upper, lower = q[k] - (limits.q_upper[k] - margin), (limits.q_lower[k] + margin) - q[k]
        depth = max(upper, lower)
        if depth > 0.0:
            away = 1.0 if upper > lower else -1.0
            outward = max(away * dq[k], 0.0)
            push = JOINT_STIFFNESS * depth + JOINT_DAMPING * outward
            tau[k] -= away * M[k, k] * onset(depth, margin) * push


@inner
def _push(depth: float, speed_out: float, margin: float, stiffness: float, damping: float) -> float:
    return onset(depth, margin) * (stiffness * depth + damping * max(speed_out, 0.0))


@inner
def _fence_force(p: FloatArray, twist: FloatArray, gains: Gains, wrench: FloatArray) -> None:
    """Write the force of box and planes on the tool, bounded as a whole."""
    margin = gains.fence_margin_m
    for i in range(3):
        low, high = gains.workspace_lower[i] + margin - p[i], p[i] - (gains.workspace_upper[i] - margin)
        if low > 0.0:
            wrench[i] += _push(low, -twist[i], margin, FENCE_STIFFNESS, FENCE_DAMPING)
        if high > 0.0:
            wrench[i] -= _push(high, twist[i], margin, FENCE_STIFFNESS, FENCE_DAMPING)
    for row in range(gains.planes.shape[0]):
        x, y, z = gains.planes[row, 0], gains.planes[row, 1], gains.planes[row, 2]
        depth = margin + gains.planes[row, 3] - (x * p[0] + y * p[1] + z * p[2])
        if depth > 0.0:
            outward = -(x * twist[0] + y * twist[1] + z * twist[2])
            push = _push(depth, outward, margin, FENCE_STIFFNESS, FENCE_DAMPING)
            wrench[0] += push * x
            wrench[1] += push * y
            wrench[2] += push * z
    _bound(wrench, 0, gains.fence_force_max[0])


@inner
def _bound(wrench: FloatArray, offset: int, length_max: float) -> None:
    length = norm3(wrench[offset], wrench[offset + 1], wrench[offset + 2])
    if length > length_max:
        for i in range(offset, offset + 3):
            wrench[i] *= length_max / length


@inner
def _tool_axis(R: FloatArray, axis: FloatArray) -> Vec3:
    return (
        R[0, 0] * axis[0] + R[0, 1] * axis[1] + R[0, 2] * axis[2],
        R[1, 0] * axis[0] + R[1, 1] * axis[1] + R[1, 2] * axis[2],
        R[2, 0] * axis[0] + R[2, 1] * axis[1] + R[2, 2] * axis[2],
    )


@inner
def _upright(a: Vec3, axis: FloatArray) -> tuple[Vec3, float]:
    """Return the unit axis that turns direction a towards the cone's axis, and the angle between them [rad]."""
    x, y, z = a[1] * axis[2] - a[2] * axis[1], a[2] * axis[0] - a[0] * axis[2], a[0] * axis[1] - a[1] * axis[0]
    sine, cosine = norm3(x, y, z), a[0] * axis[0] + a[1] * axis[1] + a[2] * axis[2]
    angle = math.atan2(sine, cosine)
    if sine > 1e-9:
        return (x / sine, y / sine, z / sine), angle
    # Parallel: no turn; antiparallel: any perpendicular axis.
    if abs(axis[0]) < 0.9:
        length = norm3(0.0, axis[2], axis[1])
        return (0.0, axis[2] / length, -axis[1] / length), angle
    length = norm3(axis[2], 0.0, axis[0])
    return (-axis[2] / length, 0.0, axis[0] / length), angle


@inner
def _cone_moment(R: FloatArray, twist: FloatArray, gains: Gains, wrench: FloatArray) -> None:
    margin = gains.fence_margin_rad
    turn, angle = _upright(_tool_axis(R, gains.cone_tool_axis), gains.cone_axis)
    depth = angle - (gains.cone_rad - margin)
    if depth <= 0.0:
        return
    outward = -(turn[0] * twist[3] + turn[1] * twist[4] + turn[2] * twist[5])
    push = _push(depth, outward, margin, CONE_STIFFNESS, CONE_DAMPING)
    push = min(push, gains.fence_force_max[1])
    for i in range(3):
        wrench[3 + i] += push * turn[i]


@inner
def wall_torque(state: ArmState, dynamics: ArmDynamics, limits: ArmLimits, gains: Gains, work: Scratch) -> None:
    """Write work.tau_walls: push the joints back from their limits and the tool from the faces of its workspace.

    work.fence (12,) is scratch: the workspace's wrench, then the twist.
    """
    tau, force, twist = work.tau_walls, work.fence[:6], work.fence[6:]
    for k in range(tau.shape[0]):
        tau[k] = 0.0
    if gains.joint_margin_rad > 0.0:
        add_joint_walls(state.q, state.dq, dynamics.M, limits, gains, tau)
    if gains.fence_margin_m <= 0.0 and gains.fence_margin_rad <= 0.0:
        return
    for i in range(6):
        force[i] = 0.0
    multiply(dynamics.J, state.dq, twist)
    if gains.fence_margin_m > 0.0:
        _fence_force(state.p, twist, gains, force)
    if gains.fence_margin_rad > 0.0 and gains.cone_rad < math.pi:
        _cone_moment(state.R, twist, gains, force)
    add_transposed_product(dynamics.J, force, 1.0, tau)


@inner
def inside_workspace(p: FloatArray, quat: FloatArray, gains: Gains) -> bool:
    """Return whether a pose lies in the box, before all planes and in the cone."""
    for i in range(3):
        if not gains.workspace_lower[i] <= p[i] <= gains.workspace_upper[i]:
            return False
    for row in range(gains.planes.shape[0]):
        n_p = gains.planes[row, 0] * p[0] + gains.planes[row, 1] * p[1] + gains.planes[row, 2] * p[2]
        if not n_p >= gains.planes[row, 3]:
            return False
    if gains.cone_rad >= math.pi:
        return True
    return cone_excess(quat, gains)[1] <= 0.0


@inner
def cone_excess(quat: Indexable, gains: Gains) -> tuple[Vec3, float]:
    """Return the axis that leads back into the cone, and the angle outside it [rad]."""
    x, y, z, w = quat[0], quat[1], quat[2], quat[3]
    a = gains.cone_tool_axis
    # v + 2 u x (u x v + w v) for the quaternion (u, w): no matrix needed
    cx, cy, cz = y * a[2] - z * a[1] + w * a[0], z * a[0] - x * a[2] + w * a[1], x * a[1] - y * a[0] + w * a[2]
    tool = (a[0] + 2 * (y * cz - z * cy), a[1] + 2 * (z * cx - x * cz), a[2] + 2 * (x * cy - y * cx))
    turn, angle = _upright(tool, gains.cone_axis)
    return turn, angle - gains.cone_rad


@inner
def clip_position(p: FloatArray, gains: Gains) -> bool:
    """Project a position into box and planes; return False where they are empty."""
    for _ in range(3):  # sufficient except at sharp corners
        for row in range(gains.planes.shape[0]):
            x, y, z = gains.planes[row, 0], gains.planes[row, 1], gains.planes[row, 2]
            short = gains.planes[row, 3] - (x * p[0] + y * p[1] + z * p[2])
            if short > 0.0:
                p[0] += short * x
                p[1] += short * y
                p[2] += short * z
        for i in range(3):
            p[i] = min(max(p[i], gains.workspace_lower[i]), gains.workspace_upper[i])
    if beyond_faces((p[0], p[1], p[2]), gains) <= FACE_TOLERANCE_M:
        return True
    return nearest_inside(p, gains)


@compiled
def confine_pose(p: FloatArray, quat: FloatArray, gains: Gains) -> None:
    """Move a pose to the nearest one in the workspace."""
    clip_position(p, gains[0])
    clip_cone(quat, gains[0], 0.0)


@inner
def outside_cone(quat: Indexable, gains: Gains) -> float:
    """Return the angle of an orientation outside the cone [rad]; 0 inside."""
    return max(cone_excess(quat, gains)[1], 0.0) if gains.cone_rad < math.pi else 0.0


@inner
def clip_cone(quat: FloatArray, gains: Gains, outside_rad: float) -> None:
    """Turn an orientation back to the cone, or to a given angle outside it."""
    if gains.cone_rad >= math.pi:
        return
    turn, excess = cone_excess(quat, gains)
    if excess > outside_rad:
        angle = excess - outside_rad
        turned = quat_normalised(quat_multiply(quat_exp((angle * turn[0], angle * turn[1], angle * turn[2])), quat))
        for i in range(4):
            quat[i] = turned[i]


@inner
def keep_to_cone(before: Quat, angle_max_rad: float, gains: Gains, quat: FloatArray) -> None:
    """Let a turn from `before` lead no further out of the cone than it was, and by at most angle_max_rad.

    The cone's edge is curved, so a step along it may exceed the one that was cut off; each iteration reduces the
    excess.
    """
    outside_rad = outside_cone(before, gains)
    clip_cone(quat, gains, outside_rad)
    for _ in range(10):  # three but for far outside, where the edge is a small circle
        turn = rotation_error(before, quat)
        if norm3(turn[0], turn[1], turn[2]) <= angle_max_rad:
            return
        shortened = quat_towards(before, quat, 1.0, angle_max_rad)
        for i in range(4):
            quat[i] = shortened[i]
        clip_cone(quat, gains, outside_rad)
