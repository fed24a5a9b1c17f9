"""The scripted experts know a way out of wherever a policy may have gone."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import robot_rl.envs  # noqa: F401  (registers the environments)
from robot_rl.core.pose import nearest_quarter, yaw_of
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.tasks.pick_lift import cube_yaw

BOUND_RAD = PICK_LIFT.arm.workspace.yaw_rad


@given(st.floats(-np.pi / 4, np.pi / 4), st.floats(-BOUND_RAD, BOUND_RAD))
def test_the_chosen_quarter_turn_is_within_reach(cube_rad: float, tool_rad: float):
    chosen = nearest_quarter(cube_rad, tool_rad, BOUND_RAD)
    assert abs(chosen) <= BOUND_RAD
    quarters = (chosen - cube_rad) / (np.pi / 2)
    assert abs(quarters - round(quarters)) < 1e-9
    others = cube_rad + np.arange(-2, 3) * np.pi / 2
    assert abs(chosen - tool_rad) <= np.abs(others[np.abs(others) <= BOUND_RAD] - tool_rad).min() + 1e-9


def test_the_nearest_is_chosen_where_none_is_within_reach():
    assert nearest_quarter(0.7, 0.5, 0.1) == pytest.approx(0.7)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_gripper_at_its_joint_limit_is_turned_back_to_the_cube(side: float):
    """The nearest face may lie beyond the stop; a human who insisted on it would teach the policy to stay stuck."""
    env = gym.make("robot_rl/PickLift-v0", cameras=(), disable_env_checker=True)
    arm = env.unwrapped
    for seed in range(40):
        env.reset(seed=seed)
        simulation = arm.cell.episodes.simulation
        if abs(cube_yaw(simulation.data) - side * BOUND_RAD) > np.pi / 4 + 0.1:
            break
    for _ in range(16):
        env.step(np.array([0, 0, 0, 0, 0, -side, 0], np.float32))  # the tool points down: its yaw runs backwards
    assert yaw_of(simulation.T_base_tcp.R) == pytest.approx(side * BOUND_RAD, abs=0.1)
    success = False
    for _ in range(44):
        *_, terminated, truncated, info = env.step(arm.expert_action())
        success = success or info["success"]
        if terminated or truncated:
            break
    env.close()
    assert success
