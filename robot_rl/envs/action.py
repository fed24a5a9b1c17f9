"""Actions to targets and back.

An action (7,) in [-1, 1]: displacement of the target along the tool's axes, its rotation vector about them, and the
gripper (above .5 open, below -.5 close, else hold). The target moves from where it was, not from where the arm is, so
a held load does not make the arm creep; a leash keeps it within reach of the arm, which bounds the force.
"""

from __future__ import annotations

import numpy as np

from controllers.geometry import matrix_from_quat, quat_exp, quat_from_matrix, quat_log
from robot_rl.core.pose import Pose, gripper_down, yaw_of
from robot_rl.core.workspace import Workspace


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3) of a rotation vector (3,) [rad]."""
    R = np.empty((3, 3))
    matrix_from_quat(quat_exp(vector), R)
    return R


def vector_from_rotation(R: np.ndarray) -> np.ndarray:
    """Rotation vector (3,) [rad] of a rotation matrix (3, 3): the short arc."""
    return np.array(quat_log(quat_from_matrix(np.ascontiguousarray(R))))


def move_target(
    workspace: Workspace, T_base_target: Pose, T_base_tcp: Pose, translation: np.ndarray, rotation: np.ndarray
) -> Pose:
    """The next target: the last one moved in the tool's frame by shares (3,) of the largest step and turn, then leashed
    to the arm and the workspace.
    """
    p = T_base_target.p + T_base_tcp.R @ (workspace.step_m * translation)
    R = T_base_target.R @ rotation_from_vector(workspace.step_rad * rotation)
    p = T_base_tcp.p + np.clip(p - T_base_tcp.p, -workspace.leash_m, workspace.leash_m)
    turn = vector_from_rotation(R @ T_base_tcp.R.T)
    R = rotation_from_vector(np.clip(turn, -workspace.leash_rad, workspace.leash_rad)) @ T_base_tcp.R
    return Pose(np.clip(p, workspace.lower_m, workspace.upper_m), bound_orientation(workspace, R))


def bound_orientation(workspace: Workspace, R: np.ndarray) -> np.ndarray:
    """The nearest tool rotation (3, 3) within the cone about gripper-down and the yaw range."""
    yaw = yaw_of(R)
    upright = gripper_down(np.zeros(3), yaw).R
    tilt = vector_from_rotation(R @ upright.T)
    size = float(np.linalg.norm(tilt))
    bounded_yaw = float(np.clip(yaw, -workspace.yaw_rad, workspace.yaw_rad))
    if size <= workspace.tilt_rad and bounded_yaw == yaw:
        return R
    tilt = tilt * min(1.0, workspace.tilt_rad / max(size, 1e-9))
    return rotation_from_vector(tilt) @ gripper_down(np.zeros(3), bounded_yaw).R


def action_towards(
    workspace: Workspace, T_base_target: Pose, T_base_tcp: Pose, T_base_goal: Pose, gripper: float
) -> np.ndarray:
    """The action (7,) float32 that brings the target nearest to a goal: the inverse of `move_target`, clipped to one
    step.
    """
    move = T_base_tcp.R.T @ (T_base_goal.p - T_base_target.p) / workspace.step_m
    turn = vector_from_rotation(T_base_target.R.T @ T_base_goal.R) / workspace.step_rad
    move = move / max(1.0, np.abs(move).max())  # straight, not along the box's corners
    turn = turn / max(1.0, np.abs(turn).max())
    return np.concatenate([move, turn, [gripper]]).astype(np.float32)
