"""Target generation: pose targets, integrated twists, time-limited wrenches.

A twist displaces the present goal, so that a transfer of control in contact keeps the contact force; a goal too far
from the arm restarts from the arm. Commands that are not repeated within `FRESH_S` expire.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.arm import Target
from controllers.geometry import FloatArray

FRESH_S = 0.1  # of a twist and of a wrench; source: moveit_servo's command timeout


class TargetGenerator:
    """The present goal."""

    def __init__(self) -> None:
        self.p, self.quat_xyzw = np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])
        self._wrench, self._wrench_s = np.zeros(6), -np.inf
        self._twist_s = -np.inf

    def seed(self, p: FloatArray, quat_xyzw: FloatArray) -> None:
        """Start from here, without feed-forward."""
        self.p, self.quat_xyzw = p.copy(), quat_xyzw.copy()
        self._wrench_s = self._twist_s = -np.inf

    def take_pose(self, p: FloatArray, quat_xyzw: FloatArray, stamp_s: float) -> Target:
        """Set the goal."""
        self.p, self.quat_xyzw = p, quat_xyzw
        return self._target(np.zeros(6), stamp_s)

    def take_twist(self, twist: FloatArray, stamp_s: float) -> Target:
        """Displace the goal at this velocity (6,) [m/s, rad/s] in the base for the time since the last twist.

        The first twist after a pause moves nothing, since its duration is unknown.
        """
        dt_s = stamp_s - self._twist_s
        dt_s = dt_s if 0.0 < dt_s <= FRESH_S else 0.0
        self._twist_s = max(stamp_s, self._twist_s)
        self.p = self.p + dt_s * twist[:3]
        turn = Rotation.from_rotvec(dt_s * twist[3:]) * Rotation.from_quat(self.quat_xyzw)
        self.quat_xyzw = np.asarray(turn.as_quat())
        return self._target(twist, stamp_s)

    def take_wrench(self, wrench: FloatArray, stamp_s: float) -> None:
        """Add a wrench to the targets of the next tenth of a second."""
        self._wrench, self._wrench_s = wrench, stamp_s

    def stay(self, stamp_s: float) -> Target:
        """Stay at the goal."""
        return self._target(np.zeros(6), stamp_s)

    def _target(self, twist: FloatArray, stamp_s: float) -> Target:
        wrench = self._wrench if 0.0 <= stamp_s - self._wrench_s <= FRESH_S else np.zeros(6)
        return Target(self.p.copy(), self.quat_xyzw.copy(), twist.copy(), wrench.copy(), np.array([stamp_s]))
