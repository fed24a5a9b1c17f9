"""Where a task lets the tool go, how far one action moves it, and how firmly the arm presses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLIP_MARGIN = 1.2  # the law's clip on the error, as a multiple of the leash on the target
BOX_MARGIN_M = 0.05  # the law's box is so much larger than the task's, on each side


@dataclass(frozen=True)
class Workspace:
    """Bounds and compliance of one task.

    Units: m, rad, N/m, N m/rad. Orientation is bounded as a cone about gripper-down (`tilt_rad`) and a yaw range
    about zero.
    """

    lower_m: tuple[float, float, float]
    upper_m: tuple[float, float, float]
    tilt_rad: float = 0.2
    yaw_rad: float = 1.0
    step_m: float = 0.025
    """Displacement of the target at action 1."""
    step_rad: float = 0.15
    """Turn of the target at action 1."""
    leash_m: float = 0.02
    """The target stays this close to the arm, per axis; times the stiffness it is the static force limit."""
    leash_rad: float = 0.2
    stiffness_n_per_m: float = 1500.0
    stiffness_nm_per_rad: float = 60.0
    finger_closed_m: float = 0.0
    """Finger travel of a closed gripper: half the width of a part that is already held."""
    finger_open_m: float = 0.04

    @property
    def gains(self) -> dict[str, list[float]]:
        """The controller's gains for this task, by the names of its parameters: stiff enough to be exact in the air,
        clipped so that contact stays gentle. Simulated and real arms follow them alike.
        """
        clip = [CLIP_MARGIN * leash for leash in (self.leash_m, self.leash_rad) for _ in range(3)]
        return {
            "stiffness": [self.stiffness_n_per_m] * 3 + [self.stiffness_nm_per_rad] * 3,
            "clip_lower": [-entry for entry in clip],
            "clip_upper": clip,
            "workspace_lower": [entry - BOX_MARGIN_M for entry in self.lower_m],
            "workspace_upper": [entry + BOX_MARGIN_M for entry in self.upper_m],
        }

    @property
    def centre_m(self) -> np.ndarray:
        """Middle of the box (3,) [m]: the origin of the positions that the policy sees."""
        return (np.asarray(self.lower_m) + np.asarray(self.upper_m)) / 2
