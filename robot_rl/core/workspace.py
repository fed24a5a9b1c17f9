"""Where a task lets the tool go, how far one action moves it, and how firmly the arm presses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    def centre_m(self) -> np.ndarray:
        """Middle of the box (3,) [m]: the origin of the positions that the policy sees."""
        return (np.asarray(self.lower_m) + np.asarray(self.upper_m)) / 2
