"""An arm without physics for the tests of the graph: it reaches each target at once."""

import numpy as np

from robot_rl.core.pose import Pose, gripper_down
from robot_rl.hardware.robot import RobotState

JOINTS = tuple(f"joint{i}" for i in range(1, 8))


class ScriptedArm:
    """A `ServedRobot`; what it shall report is set on it."""

    def __init__(self) -> None:
        self.T_base_tcp = self.goal = gripper_down(np.array([0.5, 0.0, 0.3]))
        self.finger_m = 0.02
        self.twist = np.arange(6.0) / 10
        self.wrench = np.array([1.0, 2.0, 3.0, 0.1, 0.2, 0.3])
        self.fault = ""
        self.commands: list[tuple[Pose, float]] = []

    def state(self) -> RobotState:
        return RobotState(self.T_base_tcp, self.twist, self.wrench, self.finger_m, self.fault, 0)

    def command(self, T_base_target: Pose, finger_m: float) -> None:
        self.commands.append((T_base_target, finger_m))
        self.T_base_tcp = self.goal = T_base_target
        self.finger_m = finger_m

    def joint_state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.arange(7.0), np.zeros(7), np.ones(7)

    def commanded(self) -> Pose:
        return self.goal

    def mode(self) -> str:
        return "fault" if self.fault else "active"
