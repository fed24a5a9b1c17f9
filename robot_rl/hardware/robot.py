"""Protocol of a robot, simulated or real."""

from typing import NamedTuple, Protocol

import numpy as np

from robot_rl.core.pose import Pose


class RobotState(NamedTuple):
    """One sample of the arm.

    Units: m, rad, s, N, N m. `wrench` is the external wrench on the hand, in the hand's frame, force first.
    """

    T_base_tcp: Pose
    twist: np.ndarray  # (6,) in the base frame, linear first
    wrench: np.ndarray  # (6,)
    finger_m: float  # travel of one finger; the opening is twice that
    fault: str  # why the controller stopped tracking; else empty
    stamp_ns: int  # monotonic
    guard: str = ""  # a guard of the controller that limited its command since the last `wait`, where it is known


class Robot(Protocol):
    """An arm under Cartesian impedance control with a parallel gripper."""

    def command(self, T_base_target: Pose, finger_m: float | None) -> None:
        """Set the target pose and the fingers' travel without waiting; None leaves the fingers to their last target."""

    def wait(self, period_s: float) -> RobotState:
        """Return the state one control period after the last `wait`: the simulator advances, on a real arm it waits."""

    def move_joints(self, q: np.ndarray, speed: float = 0.5) -> None:
        """Move to joint positions (N,) [rad] at a fraction of the full speed, and wait until the arm is there.

        Raises:
            DeviceLostError: refused, or it does not arrive; the text says why.
        """

    def state(self) -> RobotState:
        """Return the newest sample."""

    def close(self) -> None:
        """Stop the arm and disconnect."""
