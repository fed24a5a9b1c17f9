"""What a simulated task is: a scene, how it is drawn at random, and its ground truth. No policy ever sees any of
this.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import mujoco
import numpy as np

from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome
from robot_rl.core.workspace import Workspace


class Start(NamedTuple):
    """Where the arm stands after a reset."""

    T_base_tcp: Pose
    finger_m: float


class TaskScene(Protocol):
    """One task's scene and ground truth over a MuJoCo model."""

    name: str
    time_limit_s: float
    workspace: Workspace

    def build(self) -> mujoco.MjSpec:
        """The scene, arm included, ready to compile."""
        ...

    def randomise(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Start:
        """Draw object poses into `model` and `data` (which is freshly reset); say where the arm starts."""
        ...

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Ground truth now."""
        ...

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """Points (K, 2) of the table [m] that distractors stay clear of."""
        ...

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """The object's place and turn as numbers of order one: for probes and the state-based ablation."""
        ...
