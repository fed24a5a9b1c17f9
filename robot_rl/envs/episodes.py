"""Protocol of episode sources, which set up and judge episodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome, TaskSpec
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.robot import Robot


class EpisodeSource(Protocol):
    """Sets up and judges episodes: ground truth in the simulator, a person on a real arm."""

    def reset(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Bring arms and objects to the start of an episode; return additions to the environment's `info`."""

    def outcome(self) -> Outcome:
        """Return whether the episode is won or lost now."""

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Return the action (A,) float32 of a scripted expert; simulator only.

        Args:
            targets: `T_base_target` of each arm, by its name.
        """

    def object_state(self) -> np.ndarray:
        """Return the state of the task's object, for ablations and probes; empty on a real arm."""


@dataclass(frozen=True)
class Workcell:
    """Arms and cameras of an environment, by name, for a task."""

    task: TaskSpec
    robots: Mapping[str, Robot]
    cameras: Mapping[str, Camera]
    episodes: EpisodeSource
