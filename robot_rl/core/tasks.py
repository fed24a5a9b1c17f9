"""What is known of a task without its simulation: name, time limit, workspace, where an episode starts, how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robot_rl.core.pose import Pose, gripper_down
from robot_rl.core.workspace import Workspace

PERIOD_S = 0.1
"""Time that one step of any task takes [s]. Source: HIL-SERL, 10 Hz."""


class Outcome(NamedTuple):
    """Whether an episode is won or lost at one instant: at most one of the two is true."""

    success: bool
    failure: bool


@dataclass(frozen=True)
class TaskFacts:
    """What a robot's computer needs to know of a task, simulator or not.

    Units: m, rad, s.
    """

    name: str
    time_limit_s: float
    workspace: Workspace
    start_m: tuple[float, float, float]
    """Middle of the places above which an episode starts, gripper down."""
    start_range_m: tuple[float, float, float]
    """Half-widths of the start's place."""
    start_yaw_rad: float
    """Half-width of the start's yaw."""
    start_finger_m: float
    """Finger travel at the start."""

    def draw_start(self, rng: np.random.Generator) -> Pose:
        """Draw where the tool starts."""
        p = np.array(self.start_m) + rng.uniform(-1.0, 1.0, 3) * self.start_range_m
        return gripper_down(p, rng.uniform(-self.start_yaw_rad, self.start_yaw_rad))


PICK_LIFT = TaskFacts(
    "PickLift",
    6.0,
    Workspace(
        lower_m=(0.36, -0.14, 0.018),
        upper_m=(0.64, 0.14, 0.26),
        yaw_rad=1.0,
        tilt_rad=0.08,
        step_m=0.03,
        step_rad=0.2,
        leash_m=0.03,
    ),
    start_m=(0.5, 0.0, 0.20),
    start_range_m=(0.06, 0.06, 0.04),  # twenty demonstrations do not show every way to the cube
    start_yaw_rad=0.4,
    start_finger_m=0.04,
)

PEG_HALF_M = 0.008

PEG_INSERT = TaskFacts(
    "PegInsert",
    8.0,
    Workspace(
        lower_m=(0.42, -0.08, 0.03),
        upper_m=(0.58, 0.08, 0.18),
        yaw_rad=0.5,
        tilt_rad=0.12,
        step_m=0.015,
        step_rad=0.08,
        leash_m=0.012,
        leash_rad=0.12,
        finger_closed_m=PEG_HALF_M,
    ),
    start_m=(0.5, 0.0, 0.14),
    start_range_m=(0.015, 0.015, 0.015),
    start_yaw_rad=0.1,
    start_finger_m=PEG_HALF_M,
)

TASKS: dict[str, TaskFacts] = {facts.name: facts for facts in (PICK_LIFT, PEG_INSERT)}
