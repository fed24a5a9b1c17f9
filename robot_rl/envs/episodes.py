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

    def true_outcome(self) -> Outcome:
        """Return whether it is by ground truth, where `outcome` hides that; simulator only."""
        return self.outcome()

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Return the action (A,) float32 of a scripted expert; simulator only.

        Args:
            targets: `T_base_target` of each arm, by its name.
        """

    def object_state(self) -> np.ndarray:
        """Return the state of the task's object, for ablations and probes; empty on a real arm."""


class UnjudgedEpisodes(EpisodeSource):
    """Episodes that a simulation sets up and does not judge: success comes from labels or a classifier.

    Args:
        judged: the simulation's own episodes, whose ground truth only a scripted human and an evaluation see.
    """

    def __init__(self, judged: EpisodeSource) -> None:
        self.judged = judged

    def reset(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Draw a new scene."""
        return self.judged.reset(rng)

    def outcome(self) -> Outcome:
        """Return neither success nor failure."""
        return Outcome(False, False)

    def true_outcome(self) -> Outcome:
        """Return the simulation's own judgement."""
        return self.judged.outcome()

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Return the scripted expert's action (A,) float32."""
        return self.judged.expert_action(targets)

    def object_state(self) -> np.ndarray:
        """Return the object's state, for the ablation without cameras."""
        return self.judged.object_state()


@dataclass(frozen=True)
class Workcell:
    """Arms and cameras of an environment, by name, for a task."""

    task: TaskSpec
    robots: Mapping[str, Robot]
    cameras: Mapping[str, Camera]
    episodes: EpisodeSource
