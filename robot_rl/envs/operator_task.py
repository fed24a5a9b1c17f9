"""A `Task` on a real arm: the arm goes to a start, a person sets the scene and judges; there is no ground truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S, Outcome, TaskFacts
from robot_rl.envs.action import rotation_from_vector, vector_from_rotation
from robot_rl.hardware.robot import Robot

SPEED_M_PER_S, SPEED_RAD_PER_S = 0.1, 0.5
REACHED_M, REACHED_RAD = 0.01, 0.05
SETTLE_STEPS = 30


class OperatorTask:
    """Success and failure come from the human's labels (reward source `human-label`), never from here.

    Args:
        ask: shows the operator a line and returns when the scene is set.
    """

    def __init__(self, facts: TaskFacts, robot: Robot, ask: Callable[[str], None]) -> None:
        self.name, self.time_limit_s, self.workspace = facts.name, facts.time_limit_s, facts.workspace
        self._facts, self._robot, self._ask = facts, robot, ask

    def reset(self, rng: np.random.Generator) -> None:
        """Rise, go to a start, and have the operator set the scene.

        Raises:
            DeviceLostError: the arm does not get there.
        """
        goal = self._facts.draw_start(rng)
        for T_base_goal in way_to(self._robot.state().T_base_tcp, goal):
            self._go(T_base_goal)
        self._settle(goal)
        self._ask(f"{self.name}: set the scene for the next episode.")
        self._robot.wait(PERIOD_S)  # the first step is as long as the others

    def outcome(self) -> Outcome:
        """Nobody knows: the human says it."""
        return Outcome(False, False)

    def expert_action(self, T_base_target: Pose) -> np.ndarray:
        """There is no expert.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"expert: got {self.name} on a real arm, expected a simulated robot; use a teleop device.")

    def object_state(self) -> np.ndarray:
        """Nothing is known of the object, (0,)."""
        return np.zeros(0)

    def _go(self, T_base_goal: Pose) -> None:
        self._robot.command(T_base_goal, self._facts.start_finger_m)
        state = self._robot.wait(PERIOD_S)
        if state.fault:
            raise DeviceLostError(f"reset: got '{state.fault}' on the way, expected a free way to the start; clear it.")

    def _settle(self, goal: Pose) -> None:
        for _ in range(SETTLE_STEPS):
            off_m, off_rad = distance(self._robot.state().T_base_tcp, goal)
            if off_m < REACHED_M and off_rad < REACHED_RAD:
                return
            self._go(goal)
        raise DeviceLostError(
            f"reset: got {off_m:.3f} m and {off_rad:.2f} rad off the start, expected {REACHED_M} and {REACHED_RAD}; "
            "free the arm's way."
        )


def way_to(start: Pose, goal: Pose) -> Iterator[Pose]:
    """Targets from pose to pose, one a period: straight up to the goal's height first, so that nothing is dragged."""
    above = Pose(np.array([*start.p[:2], max(start.p[2], goal.p[2])]), start.R)
    for leg_from, leg_to in ((start, above), (above, goal)):
        yield from _straight(leg_from, leg_to)


def _straight(start: Pose, goal: Pose) -> Iterator[Pose]:
    turn = vector_from_rotation(goal.R @ start.R.T)
    far_m, far_rad = float(np.linalg.norm(goal.p - start.p)), float(np.linalg.norm(turn))
    count = math.ceil(max(far_m / SPEED_M_PER_S, far_rad / SPEED_RAD_PER_S) / PERIOD_S)
    for number in range(1, count + 1):
        share = number / count
        yield Pose(start.p + share * (goal.p - start.p), rotation_from_vector(share * turn) @ start.R)


def distance(one: Pose, other: Pose) -> tuple[float, float]:
    """How far two poses are apart [m], [rad]."""
    turn = vector_from_rotation(one.R @ other.R.T)
    return float(np.linalg.norm(one.p - other.p)), float(np.linalg.norm(turn))
