"""Rigid-body pose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pose(NamedTuple):
    """Pose `T_parent_child`: p (3,) origin of the child [m], R (3, 3) its axes, both seen from the parent."""

    p: np.ndarray
    R: np.ndarray

    def __matmul__(self, other: Pose) -> Pose:
        """Return the composition: `T_a_c = T_a_b @ T_b_c`."""
        return Pose(self.p + self.R @ other.p, self.R @ other.R)

    def inverse(self) -> Pose:
        """Return the inverse `T_child_parent`."""
        return Pose(-self.R.T @ self.p, self.R.T)


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


def yaw_of(R: np.ndarray) -> float:
    """Return the yaw [rad] of a tool rotation (3, 3) near gripper-down: the inverse of `gripper_down`."""
    return float(np.arctan2(R[1, 0], R[0, 0]))
