"""A scene without objects: the arm at its posture over the table, and nothing to judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from robot_rl.core.tasks import ArmTask, Outcome, StartRegion, TaskSpec, Workspace
from robot_rl.sim.task import Start

if TYPE_CHECKING:
    import mujoco

    from controllers.arms.spec import ArmSpec


class FreeSpace:
    """A `TaskScene` of the arm alone."""

    def build(self, arm: ArmSpec) -> mujoco.MjSpec:
        """Return the workcell without a gripper."""
        from robot_rl.sim.scene import new_workcell

        return new_workcell(arm=arm, gripper=False)[0]

    def randomise(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Start:
        """Return the arm's posture."""
        return Start(None, 0.0)

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Return neither success nor failure."""
        return Outcome(False, False)

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """Return the TCP's place."""
        return data.site("tcp").xpos[None, :2].copy()

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Return nothing: there is no object."""
        return np.zeros(0)


FREE = TaskSpec(
    "free-space",
    {"": ArmTask(Workspace((-2.0, -2.0, -2.0), (2.0, 2.0, 2.0)), StartRegion((0.0, 0.0, 0.0)))},
    scene=FreeSpace,
)
