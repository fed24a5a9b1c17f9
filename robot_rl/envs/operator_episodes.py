"""Episodes on a real arm: the arm moves to a start, an operator sets the scene and judges; there is no ground truth."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S, ArmTask, Outcome, TaskSpec
from robot_rl.envs.episodes import EpisodeSource
from robot_rl.hardware.robot import Robot

SPEED_M_PER_S, SPEED_RAD_PER_S = 0.1, 0.5
REACHED_M, REACHED_RAD = 0.01, 0.05
SETTLE_STEPS = 30
Hear = Callable[[tuple[str, ...]], None]
Prompt = Callable[..., None]
"""Takes a text, what is shown once the person has answered, and `hear`, which takes labels as they come."""
FINGER_STEPS = 10
"""Time for the fingers, before the arm moves."""


def ignore(labels: tuple[str, ...]) -> None:
    """Take labels that are about nothing."""


class OperatorEpisodes(EpisodeSource):
    """An `EpisodeSource` in which success and failure come from labels (reward source `human-label`).

    Args:
        prompt: prompts the operator, and returns when the scene is set.
    """

    def __init__(self, task: TaskSpec, robots: Mapping[str, Robot], prompt: Prompt) -> None:
        self._task, self._robots, self.prompt = task, robots, prompt
        self.wanted = ""  # of the next scene
        self.hear: Hear = ignore
        """Takes the labels of the episode before, which a person gives while a reset waits for them."""
        self.await_release: Callable[..., None] = lambda hear: None

    def reset(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Raise each arm, move to a start, open the fingers, and prompt the operator to set the scene; nothing moves
        while the operator's stop is latched.

        Raises:
            DeviceLostError: an arm does not reach it.
        """
        self.await_release(hear=self.hear)
        for name, robot in self._robots.items():
            arm = self._task.arms[name]
            go_to(robot, arm, arm.start.draw(rng))
        self.prompt(f"{self._task.name}: set the scene for the next episode{self.wanted}.", hear=self.hear)
        for robot in self._robots.values():
            robot.wait(PERIOD_S)  # the first step is as long as the others
        return {}

    def outcome(self) -> Outcome:
        """Return neither success nor failure, which come from labels."""
        return Outcome(False, False)

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Refuse: there is no expert.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"expert: got {self._task.name} on a real arm, expected a simulated robot; use a teleop device."
        )

    def object_state(self) -> np.ndarray:
        """Return an empty array: the object's state is unknown."""
        return np.zeros(0)


def go_to(robot: Robot, arm: ArmTask, T_base_start: Pose) -> None:
    here, finger_m = robot.state().T_base_tcp, arm.gripper.start_m if arm.gripper else None
    above = Pose(np.array([*here.p[:2], max(here.p[2], T_base_start.p[2])]), here.R)  # nothing is dragged
    if arm.gripper and arm.gripper.reset == "open_first":
        for _ in range(FINGER_STEPS):
            _step(robot, here, finger_m)
    for T_base_target in straight(here, above):
        _step(robot, T_base_target, None)  # the fingers keep what they hold
    if arm.posture:
        robot.move_joints(np.array(arm.posture))
        above = robot.state().T_base_tcp
    for T_base_target in straight(above, T_base_start):
        _step(robot, T_base_target, finger_m)
    for _ in range(SETTLE_STEPS):
        _step(robot, T_base_start, finger_m)
        off_m, off_rad = distance(robot.state().T_base_tcp, T_base_start)
        if off_m < REACHED_M and off_rad < REACHED_RAD:
            return
    raise DeviceLostError(
        f"reset: got {off_m:.3f} m and {off_rad:.2f} rad off the start, expected {REACHED_M} and {REACHED_RAD}; "
        "free the arm's way, or move an arm that is outside its workspace inside, by ~/home or teleop."
    )


def _step(robot: Robot, T_base_target: Pose, finger_m: float | None) -> None:
    robot.command(T_base_target, finger_m)
    state = robot.wait(PERIOD_S)
    if state.fault:
        raise DeviceLostError(f"reset: got '{state.fault}' on the way, expected a free way to the start; clear it.")


def straight(start: Pose, goal: Pose) -> Iterator[Pose]:
    """Yield targets from pose to pose, one a period."""
    far_m, far_rad = distance(goal, start)
    count = math.ceil(max(far_m / SPEED_M_PER_S, far_rad / SPEED_RAD_PER_S) / PERIOD_S)
    for number in range(1, count + 1):
        yield start.plus(number / count * goal.minus(start))


def distance(one: Pose, other: Pose) -> tuple[float, float]:
    """Return the distance of two poses [m], [rad]."""
    displacement = one.minus(other)
    return float(np.linalg.norm(displacement[:3])), float(np.linalg.norm(displacement[3:]))
