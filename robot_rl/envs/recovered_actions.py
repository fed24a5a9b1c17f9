"""Actions of a motion that was recorded without them, in the scale of a task's action.

    a_k = the action that brings the target of step k nearest to the goal of its end: the inverse of `move_target`,
          clipped to the largest step; what is faster is caught up with later

Goals are commanded targets where they are known, else the tool poses that followed.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from robot_rl.core.action_layout import CLOSE, OPEN, ROTATION, TRANSLATION, arm_layout
from robot_rl.core.pose import Pose, rotation_log
from robot_rl.core.tasks import ArmTask
from robot_rl.envs.action import action_towards, move_target
from robot_rl.envs.observation import gripper_entry

ROUNDING = 1.02
"""Size of a step, in largest ones, beyond which it counts as clipped."""
GRIPPER_MOVED = 0.05
"""Change of the opening, as a share of all of it, that is a motion of the gripper."""


class Recovered(NamedTuple):
    """Actions (T) of a motion, the targets that they make (T + 1), and how many of them are clipped."""

    targets: list[Pose]
    actions: list[np.ndarray]
    clipped: int


def recover_actions(arm: ArmTask, poses: Sequence[Pose], goals: Sequence[Pose], grippers: Sequence[str]) -> Recovered:
    """Return the actions that bring the target to the goals (T), and the gripper to its values (T).

    Args:
        poses: of the tool before each step, and at the end (T + 1).
    """
    layout, target, clipped = arm_layout(gripper_entry(arm)), poses[0], 0
    targets, actions = [target], []
    for T_base_tcp, goal, gripper in zip(poses, goals, grippers, strict=False):
        action = action_towards(arm, target, T_base_tcp, goal, gripper)
        clipped += _is_faster(arm, target, T_base_tcp, goal)
        parts = layout.decode(action)
        target = move_target(arm, target, T_base_tcp, parts[TRANSLATION], parts[ROTATION])
        targets.append(target)
        actions.append(action)
    return Recovered(targets, actions, clipped)


def gripper_values(openings: Sequence[float]) -> Iterator[str]:
    """Yield the value of each step (T) of a gripper with the openings (T + 1) in 0..1.

    It closes once the opening falls from its highest, and opens once it rises from its lowest, by `GRIPPER_MOVED`: a
    part that is held keeps it from closing wholly.
    """
    value, extreme = OPEN if openings[0] > 0.5 else CLOSE, openings[0]
    for opening in openings[1:]:
        extreme = max(extreme, opening) if value == OPEN else min(extreme, opening)
        if abs(opening - extreme) > GRIPPER_MOVED:
            value, extreme = CLOSE if value == OPEN else OPEN, opening
        yield value


def _is_faster(arm: ArmTask, target: Pose, T_base_tcp: Pose, goal: Pose) -> bool:
    """Return whether a goal is further away than one action reaches, by more than rounding."""
    move = np.abs(T_base_tcp.R.T @ (goal.p - target.p)).max() / arm.action.step_m
    turn = np.abs(rotation_log(target.R.T @ goal.R)).max() / arm.action.step_rad
    return bool(max(move, turn) > ROUNDING)
