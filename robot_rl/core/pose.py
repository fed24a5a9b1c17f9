"""Rigid-body poses and rotations: composition, inverse, difference, exponential and logarithm."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from controllers.geometry import matrix_from_quat, quat_exp, quat_from_matrix, quat_log


class Pose(NamedTuple):
    """Pose `T_parent_child`: p (3,) origin of the child [m], R (3, 3) its axes, both seen from the parent."""

    p: np.ndarray
    R: np.ndarray

    def __matmul__(self, other: "Pose") -> "Pose":
        """Return the composition: `T_a_c = T_a_b @ T_b_c`."""
        return Pose(self.p + self.R @ other.p, self.R @ other.R)

    def inverse(self) -> "Pose":
        """Return the inverse `T_child_parent`."""
        return Pose(-self.R.T @ self.p, self.R.T)

    def minus(self, other: "Pose") -> np.ndarray:
        """Return the displacement (6,) from `other` to this pose, both seen from one parent, in the parent's axes.

        d = [p - p_other, log(R R_other^T)]    [m], [rad]
        """
        return np.concatenate([self.p - other.p, rotation_log(self.R @ other.R.T)])

    def plus(self, displacement: np.ndarray) -> "Pose":
        """Return this pose moved by a displacement (6,) in the parent's axes: the inverse of `minus`."""
        return Pose(self.p + displacement[:3], rotation_exp(displacement[3:]) @ self.R)


def clipped(values: np.ndarray, lower: ArrayLike, upper: ArrayLike) -> np.ndarray:
    """Return `np.clip` of few values, in a third of its time."""
    return np.minimum(np.maximum(values, lower), upper)


def rotation_exp(vector: np.ndarray) -> np.ndarray:
    """Return the rotation matrix (3, 3) of a rotation vector (3,) [rad]."""
    R = np.empty((3, 3))
    matrix_from_quat(quat_exp(vector), R)
    return R


def rotation_log(R: np.ndarray) -> np.ndarray:
    """Return the rotation vector (3,) [rad] of a rotation matrix (3, 3): the short arc."""
    return np.array(quat_log(quat_from_matrix(np.ascontiguousarray(R))))


def rot_z(yaw_rad: float) -> np.ndarray:
    """Return the rotation (3, 3) about z by `yaw_rad`."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rot_y(pitch_rad: float) -> np.ndarray:
    """Return the rotation (3, 3) about y by `pitch_rad`."""
    c, s = np.cos(pitch_rad), np.sin(pitch_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


GRIPPER_DOWN = np.diag([1.0, -1.0, -1.0])  # tool z towards the table, tool x along base x


def gripper_down(p: np.ndarray, yaw_rad: float = 0.0) -> Pose:
    """Return the pose with the tool pointing down at `p` (3,) [m], turned about the vertical by `yaw_rad`."""
    return Pose(np.asarray(p, dtype=float), rot_z(yaw_rad) @ GRIPPER_DOWN)


def nearest_quarter(angle_rad: float, to_rad: float, bound_rad: float) -> float:
    """Return the angle that differs from `angle_rad` by quarter turns, lies within +-`bound_rad` and is nearest to
    `to_rad`. Where none lies within the bound: the nearest of all.
    """
    quarter = np.pi / 2
    nearest = angle_rad + np.round((to_rad - angle_rad) / quarter) * quarter
    candidates = nearest + np.array([-quarter, 0.0, quarter])
    reachable = candidates[np.abs(candidates) <= bound_rad]
    return float(reachable[np.abs(reachable - to_rad).argmin()] if reachable.size else nearest)


def yaw_of(R: np.ndarray) -> float:
    """Return the yaw [rad] of a tool rotation (3, 3) near gripper-down: the inverse of `gripper_down`."""
    return float(np.arctan2(R[1, 0], R[0, 0]))
