"""Rotations for the control tick: quaternion and matrix, log, exp, error, bounded interpolation.

Conventions: `quat_xyzw`, unit norm; rotation vectors in rad; everything expressed in the base frame. Functions take
anything that can be indexed and return tuples, which the compiler keeps in registers.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controllers.compilation import compiled

FloatArray = NDArray[np.float64]
Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Indexable = Sequence[float] | FloatArray

SMALL_ANGLE_RAD = 1e-6  # below it sin(x) / x is 1 to working precision (x^2 / 6 < 2e-13)


@compiled
def norm3(x: float, y: float, z: float) -> float:
    """Return the Euclidean length of (x, y, z)."""
    return math.sqrt(x * x + y * y + z * z)


@compiled
def quat_multiply(a: Indexable, b: Indexable) -> Quat:
    """Return the Hamilton product a b: rotate by b, then by a."""
    return (
        a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
        a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
        a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
        a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
    )


@compiled
def quat_conjugate(q: Indexable) -> Quat:
    """Return the inverse rotation of a unit quaternion."""
    return (-q[0], -q[1], -q[2], q[3])


@compiled
def quat_normalised(q: Indexable) -> Quat:
    """Return the unit quaternion along q; the identity when q is zero."""
    norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    if norm == 0.0:
        return (0.0, 0.0, 0.0, 1.0)
    return (q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm)


@compiled
def quat_exp(v: Indexable) -> Quat:
    """Return exp(v), the quaternion (sin(|v|/2) v/|v|, cos(|v|/2)) of a rotation vector [rad]."""
    angle = norm3(v[0], v[1], v[2])
    scale = 0.5 if angle < SMALL_ANGLE_RAD else math.sin(0.5 * angle) / angle
    return (scale * v[0], scale * v[1], scale * v[2], math.cos(0.5 * angle))


@compiled
def quat_log(q: Indexable) -> Vec3:
    """Return log(q), the rotation vector [rad] of the short arc, |log(q)| <= pi.

    atan2 of |vector part| and |scalar part| keeps full precision at both ends, near identity and near pi.
    """
    sine = norm3(q[0], q[1], q[2])
    sign = -1.0 if q[3] < 0.0 else 1.0
    scale = 2.0 * sign if sine < SMALL_ANGLE_RAD else 2.0 * sign * math.atan2(sine, abs(q[3])) / sine
    return (scale * q[0], scale * q[1], scale * q[2])


@compiled
def quat_from_matrix(R: FloatArray) -> Quat:
    """Return the quaternion of a rotation matrix by Shepperd's method: divide by the largest component."""
    trace = R[0, 0] + R[1, 1] + R[2, 2]
    if trace >= R[0, 0] and trace >= R[1, 1] and trace >= R[2, 2]:
        return quat_normalised((R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], 1.0 + trace))
    if R[0, 0] >= R[1, 1] and R[0, 0] >= R[2, 2]:
        x = 1.0 + 2.0 * R[0, 0] - trace
        return quat_normalised((x, R[0, 1] + R[1, 0], R[0, 2] + R[2, 0], R[2, 1] - R[1, 2]))
    if R[1, 1] >= R[2, 2]:
        y = 1.0 + 2.0 * R[1, 1] - trace
        return quat_normalised((R[0, 1] + R[1, 0], y, R[1, 2] + R[2, 1], R[0, 2] - R[2, 0]))
    z = 1.0 + 2.0 * R[2, 2] - trace
    return quat_normalised((R[0, 2] + R[2, 0], R[1, 2] + R[2, 1], z, R[1, 0] - R[0, 1]))


@compiled
def matrix_from_quat(q: Indexable, R_out: FloatArray) -> None:
    """Write the rotation matrix of a unit quaternion into R_out (3, 3)."""
    x, y, z, w = q[0], q[1], q[2], q[3]
    R_out[0, 0], R_out[0, 1], R_out[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    R_out[1, 0], R_out[1, 1], R_out[1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    R_out[2, 0], R_out[2, 1], R_out[2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)


@compiled
def rotation_error(quat: Indexable, quat_goal: Indexable) -> Vec3:
    """Return R log(R^T R_goal) = log(R_goal R^T): the full angle, short arc, in the base frame [rad]."""
    return quat_log(quat_multiply(quat_goal, quat_conjugate(quat)))


@compiled
def bounded(v: Indexable, length_max: float) -> Vec3:
    """Return v, shortened to at most length_max in the same direction."""
    length = norm3(v[0], v[1], v[2])
    scale = length_max / length if length > length_max else 1.0
    return (scale * v[0], scale * v[1], scale * v[2])


@compiled
def quat_towards(quat: Indexable, quat_goal: Indexable, fraction: float, angle_max_rad: float) -> Quat:
    """Return the slerp by `fraction` of the way to quat_goal, but by at most angle_max_rad."""
    e = rotation_error(quat, quat_goal)
    step = bounded((fraction * e[0], fraction * e[1], fraction * e[2]), angle_max_rad)
    return quat_normalised(quat_multiply(quat_exp(step), quat))
