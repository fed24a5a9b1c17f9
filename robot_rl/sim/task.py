"""Parts of a task for the simulator: a scene with ground truth, and a scripted expert. No policy sees any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from robot_rl.core.pose import Pose
from robot_rl.core.tasks import Outcome

if TYPE_CHECKING:
    import mujoco

    from controllers.arms.spec import ArmSpec


class Start(NamedTuple):
    """Pose of the arm after a reset."""

    T_base_tcp: Pose | None  # None: the arm's own posture
    finger_m: float


class Goal(NamedTuple):
    """Target pose of the tool, and gripper command: `CLOSE`, `HOLD` or `OPEN` of core.action_layout."""

    T_base_tcp: Pose
    gripper: str


class TaskScene(Protocol):
    """One task's scene and ground truth over a MuJoCo model."""

    def build(self, arm: ArmSpec) -> mujoco.MjSpec:
        """Return the scene with the arm, ready to compile; `robot_rl.sim.scene.new_workcell` makes both."""

    def randomise(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Start:
        """Draw object poses into `model` and `data` (which is freshly reset); return where the arm starts."""

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Return ground truth now."""

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """Return points (K, 2) of the table [m] that distractors stay clear of."""

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Return the object's place and turn as numbers of order one (`object_size` of the task): for probes and the
        ablation without cameras.
        """


class Expert(Protocol):
    """A scripted expert: demonstrator and scripted human. Feedback only, without a clock, so that it takes over from
    any state that a policy has left behind.
    """

    def goal(self, model: mujoco.MjModel, data: mujoco.MjData) -> Goal:
        """Return where the tool should go from the current state, from ground truth."""
