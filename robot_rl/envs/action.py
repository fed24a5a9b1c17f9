"""Conversion of actions to targets and back.

A target is displaced from the last target, not from the measured pose, so that a held load does not make the arm creep;
a leash limits its distance from the arm, which bounds the force.
"""

import numpy as np

from robot_rl.core.action_layout import (
    CLOSE,
    GRIPPER,
    OPEN,
    ROTATION,
    TRANSLATION,
    ActionLayout,
    arm_layout,
    joined_layout,
)
from robot_rl.core.pose import Pose, clipped, gripper_down, rotation_exp, rotation_log, yaw_of
from robot_rl.core.tasks import ArmTask, GripperRange, TaskSpec, Workspace
from robot_rl.envs.observation import gripper_entry


def task_layout(task: TaskSpec) -> ActionLayout:
    """Return the layout of a task's action: that of each of its arms, one after the other."""
    return joined_layout({name: arm_layout(gripper_entry(arm)) for name, arm in task.arms.items()})


def move_target(
    arm: ArmTask, T_base_target: Pose, T_base_tcp: Pose, translation: np.ndarray, rotation: np.ndarray
) -> Pose:
    """Return the next target: the last one moved in the tool's frame, then leashed to the arm and the workspace.

    Args:
        translation: share of the largest step along each axis of the tool (3,), in [-1, 1].
        rotation: share of the largest turn about each axis of the tool (3,), in [-1, 1].
    """
    scale, workspace = arm.action, arm.workspace
    moved = Pose(
        T_base_target.p + T_base_tcp.R @ (scale.step_m * translation),
        T_base_target.R @ rotation_exp(scale.step_rad * rotation),
    )
    leashed = T_base_tcp.plus(clipped(moved.minus(T_base_tcp), -scale.leash, scale.leash))
    return Pose(clipped(leashed.p, workspace.lower_m, workspace.upper_m), bound_orientation(workspace, leashed.R))


def bound_orientation(workspace: Workspace, R: np.ndarray) -> np.ndarray:
    """Return the nearest tool rotation (3, 3) within the cone about gripper-down and the yaw range."""
    yaw = yaw_of(R)
    upright = gripper_down(np.zeros(3), yaw).R
    tilt = rotation_log(R @ upright.T)
    size = float(np.linalg.norm(tilt))
    bounded_yaw = float(np.clip(yaw, -workspace.yaw_rad, workspace.yaw_rad))
    if size <= workspace.tilt_rad and bounded_yaw == yaw:
        return R
    tilt = tilt * min(1.0, workspace.tilt_rad / max(size, 1e-9))
    return rotation_exp(tilt) @ gripper_down(np.zeros(3), bounded_yaw).R


def finger_target(gripper: GripperRange, value: str, finger_m: float | None) -> float | None:
    """Return the finger travel [m] of a gripper's value; `finger_m` is the last target, which `hold` keeps."""
    return {OPEN: gripper.open_m, CLOSE: gripper.closed_m}.get(value, finger_m)


def action_towards(arm: ArmTask, T_base_target: Pose, T_base_tcp: Pose, T_base_goal: Pose, gripper: str) -> np.ndarray:
    """Return the action (A,) float32 that brings the target nearest to a goal: the inverse of `move_target`, clipped to
    one step.
    """
    move = T_base_tcp.R.T @ (T_base_goal.p - T_base_target.p) / arm.action.step_m
    turn = rotation_log(T_base_target.R.T @ T_base_goal.R) / arm.action.step_rad
    values = {
        TRANSLATION: move / max(1.0, np.abs(move).max()),  # straight, not along the box's corners
        ROTATION: turn / max(1.0, np.abs(turn).max()),
    }
    if arm.gripper is not None:
        values[GRIPPER] = gripper
    return arm_layout(gripper_entry(arm)).encode(values)
