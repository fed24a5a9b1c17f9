"""Watch over the arms of a task: their tools, and whom it shows that one needs help."""

from dataclasses import replace

import numpy as np

from robot_rl.core.action_layout import HOLD, TRANSLATION, ActionLayout
from robot_rl.core.pose import Pose, clipped
from robot_rl.core.records import Observation
from robot_rl.core.tasks import ArmTask, TaskSpec
from robot_rl.envs.action import action_towards
from robot_rl.envs.observation import poses_of, state_name
from robot_rl.runtime.acting.go import RUNS, show_here
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stuck import Place, StuckConfig, StuckWatch, Tool


class ArmTool(Tool):
    """Tool of a task's arm.

    Args:
        robot: name of the arm.
        layout: of the action of all arms.
    """

    def __init__(self, robot: str, arm: ArmTask, layout: ActionLayout) -> None:
        self._arm, self._layout, self._state = arm, layout, state_name(robot)
        self._axes, own = layout.of_robot(robot)
        self._translation = own.slices[TRANSLATION]

    def place(self, obs: Observation) -> Place:
        """Return where it is."""
        T_base_tcp, T_base_target = poses_of(self._arm, obs[self._state])
        lead = T_base_tcp.R.T @ (T_base_target.p - T_base_tcp.p) / self._arm.action.leash_m
        return Place(T_base_tcp.p, T_base_tcp.R, lead)

    def displacement(self, action: np.ndarray) -> np.ndarray:
        """Return how far an action displaces the target (3,), tool frame [m]."""
        displaced: np.ndarray = self._arm.action.step_m * action[self._axes][self._translation]
        return displaced

    def bounded(self, p: np.ndarray) -> np.ndarray:
        """Return the nearest position (3,) of the workspace, base frame [m]."""
        return clipped(p, self._arm.workspace.lower_m, self._arm.workspace.upper_m)

    def towards(self, obs: Observation, p: np.ndarray) -> np.ndarray:
        """Return the action (A,) towards a position, with the turn that it has; gripper and other arms hold."""
        T_base_tcp, T_base_target = poses_of(self._arm, obs[self._state])
        action = self._layout.encode({})
        action[self._axes] = action_towards(self._arm, T_base_target, T_base_tcp, Pose(p, T_base_tcp.R), HOLD)
        return action


def watched(rollout: Rollout, task: TaskSpec, config: StuckConfig) -> Rollout:
    """Return a rollout of a task whose arms retreat when they are stuck."""

    def show(text: str) -> None:
        rollout.monitor.show(text)
        show_here(text)

    layout = rollout.robot_env.action_layout
    tools = [ArmTool(name, arm, layout) for name, arm in task.arms.items()]
    calm = RUNS if rollout.operated else ""
    return replace(rollout, stuck=StuckWatch(config, tools, rollout.period_s, show, calm))
