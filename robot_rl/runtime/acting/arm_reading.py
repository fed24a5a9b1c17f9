"""What a person is shown of an arm beside its images."""

from dataclasses import dataclass

import numpy as np

from robot_rl.runtime.acting.rollout import Environment


@dataclass(frozen=True)
class ArmReading:
    """State of an environment's arms, of several the first; the force is the largest of all."""

    force_n: float
    height_m: float
    opening_m: float
    """Between the fingers."""

    def __str__(self) -> str:
        height_mm, opening_mm = 1e3 * self.height_m, 1e3 * self.opening_m
        return f"force {self.force_n:4.1f} N  height {height_mm:4.0f} mm  gripper {opening_mm:3.0f} mm"


def read_arm(env: Environment) -> ArmReading | None:
    """Return the state of an environment's arms; None of one without."""
    robots = getattr(getattr(env.unwrapped, "cell", None), "robots", {})
    states = [robot.state() for robot in robots.values()]
    if not states:
        return None
    force_n = max(float(np.linalg.norm(state.wrench[:3])) for state in states)
    return ArmReading(force_n, float(states[0].T_base_tcp.p[2]), 2.0 * states[0].finger_m)
