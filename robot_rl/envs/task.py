"""What an environment asks of a task: to set up an episode, and to judge it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome
from robot_rl.core.workspace import Workspace


class Task(Protocol):
    """Sets up and evaluates episodes: ground truth in the simulator, a person or a classifier on a real arm."""

    name: str
    time_limit_s: float
    workspace: Workspace

    def reset(self, rng: np.random.Generator) -> None:
        """Bring arm and objects to the start of an episode."""
        ...

    def outcome(self) -> Outcome:
        """Whether the episode is won or lost now."""
        ...

    def expert_action(self, T_base_target: Pose) -> np.ndarray:
        """What a scripted expert would do now, (7,) float32; simulator only."""
        ...

    def object_state(self) -> np.ndarray:
        """Where the task's object is, for ablations and probes; simulator only."""
        ...
