"""Actions of a motion: those that made it, where they are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.action_layout import CLOSE, HOLD, OPEN
from robot_rl.core.pose import Pose, rotation_exp, rotation_log
from robot_rl.envs.action import move_target
from robot_rl.envs.recovered_actions import gripper_values, recover_actions
from robot_rl.tasks import find_task

ARM = find_task("pick-lift").arm
SHARES = st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 6), min_size=1, max_size=6)


def start() -> Pose:
    return Pose(np.array(ARM.workspace.centre_m), np.diag([1.0, -1.0, -1.0]))


@given(SHARES)
@settings(max_examples=50, deadline=None)
def test_an_arm_that_follows_at_once_gives_its_actions_back(moves: list[tuple[float, ...]]) -> None:
    poses = [start()]
    for move in moves:
        poses.append(move_target(ARM, poses[-1], poses[-1], np.array(move[:3]), np.array(move[3:])))
    found = recover_actions(ARM, poses, poses[1:], [HOLD] * len(moves))
    assert found.clipped == 0
    for pose, target in zip(poses, found.targets, strict=True):
        np.testing.assert_allclose(target.p, pose.p, atol=1e-6)
        np.testing.assert_allclose(rotation_log(target.R.T @ pose.R), 0.0, atol=1e-6)


def test_a_step_faster_than_the_task_is_clipped_counted_and_caught_up_with() -> None:
    away = Pose(start().p + np.array([1.5 * ARM.action.step_m, 0.0, 0.0]), start().R)
    found = recover_actions(ARM, [start(), away, away, away], [away] * 3, [HOLD] * 3)
    assert found.clipped == 1 and found.actions[0][0] == 1.0
    np.testing.assert_allclose(found.targets[-1].p, away.p, atol=1e-9)


def test_turns_are_recovered_in_the_tools_frame() -> None:
    turned = Pose(start().p, start().R @ rotation_exp(np.array([0.0, 0.0, 0.5 * ARM.action.step_rad])))
    found = recover_actions(ARM, [start(), turned], [turned], [HOLD])
    np.testing.assert_allclose(found.actions[0][:6], [0, 0, 0, 0, 0, 0.5], atol=1e-6)


@pytest.mark.parametrize(
    ("openings", "values"),
    [
        ([1.0, 1.0, 0.8, 0.6, 0.6, 0.6], [OPEN, CLOSE, CLOSE, CLOSE, CLOSE]),  # a part holds it apart
        ([0.6, 0.6, 0.58, 0.6, 0.8, 1.0], [OPEN] * 5),
        ([0.1, 0.1, 0.12, 0.3, 1.0], [CLOSE, CLOSE, OPEN, OPEN]),
        ([1.0, 0.97, 0.94, 0.91], [OPEN, CLOSE, CLOSE]),  # slowly
    ],
)
def test_gripper_closes_when_its_opening_falls_and_opens_when_it_rises(
    openings: list[float], values: list[str]
) -> None:
    assert list(gripper_values(openings)) == values
