"""An xArm7 in MuJoCo behind ros2_control's effort interface: `python effort_arm.py MODEL.urdf FOLDER`.

Its controller is a forward_command_controller: a command of another length is ignored, the last one acts for ever.
Joint states come at a controller manager's rate, with stamps and efforts, names in the broadcaster's order. In FOLDER
the file `cut` silences the joint states, `load` hangs 0.5 kg on the flange, `push` is a hand that moves the tool 5 cm.

Time passes only while commands arrive, at most `PATIENCE_S` a command, so that a busy machine is no delay in the loop.
Source: ros2_controllers, forward_command_controller and joint_state_broadcaster.
"""

import importlib
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import rclpy
from rclpy.signals import SignalHandlerOptions

from controllers.arms.model_file import reduced_urdf
from controllers.arms.spec import load_arm

ARM = load_arm("xarm7")
RATE_HZ, STEP_S, PATIENCE_S = 250.0, 0.002, 0.02
ARMATURE, DRAG = 0.1, 1.0  # of motors and gears, our guess [kg m^2, N m s/rad]
HAND_N, WAY_M, LOAD_KG = 6.0, 0.05, 0.5
ORDER = sorted(range(7), key=lambda joint: -joint)  # a broadcaster keeps no order of the model


class Arm:
    """Physics and topics."""

    def __init__(self, model: str, folder: Path) -> None:
        self.node, self.folder = rclpy.create_node("controller_manager"), folder
        self.model = mujoco.MjModel.from_xml_string(reduced_urdf(Path(model), ARM.joints))
        self.model.opt.timestep = STEP_S
        self.model.dof_armature[:], self.model.dof_damping[:] = ARMATURE, DRAG
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:] = ARM.posture
        mujoco.mj_forward(self.model, self.data)
        self.effort, self.budget_s, self.last_s = self.data.qfrc_bias.copy(), np.inf, time.monotonic()
        self.from_p: np.ndarray | None = None
        self.mass_kg = float(self.model.body_mass[-1])
        joints, numbers = (importlib.import_module(f"{name}.msg") for name in ("sensor_msgs", "std_msgs"))
        self._state = joints.JointState
        self.states = self.node.create_publisher(joints.JointState, "joint_states", 10)
        self.node.create_subscription(numbers.Float64MultiArray, "effort_controller/commands", self.take, 1)
        self.node.create_timer(1.0 / RATE_HZ, self.cycle)

    def take(self, message: Any) -> None:
        if len(message.data) == len(ARM.joints):
            self.effort[:], self.budget_s = message.data, PATIENCE_S

    def cycle(self) -> None:
        now_s = time.monotonic()
        self.model.body_mass[-1] = self.mass_kg + LOAD_KG * (self.folder / "load").exists()
        passed_s = min(now_s - self.last_s, self.budget_s)
        for _ in range(int(passed_s / STEP_S)):
            self.data.qfrc_applied[:] = np.clip(self.effort, -ARM.limits.tau_max, ARM.limits.tau_max) + self.hand()
            mujoco.mj_step(self.model, self.data)
        self.last_s = now_s - passed_s % STEP_S
        self.budget_s -= passed_s
        if not (self.folder / "cut").exists():
            self.publish()

    def hand(self) -> np.ndarray:
        """Return the joint torques of a hand at the tool, which lets go when it has moved it far enough."""
        torque, p, push = np.zeros(7), self.data.xipos[-1], self.folder / "push"
        if self.from_p is None and push.exists():
            self.from_p = p.copy()
        if self.from_p is not None:
            if np.linalg.norm(p - self.from_p) > WAY_M:
                push.unlink()
                self.from_p = None
            else:
                force = np.array([0.0, HAND_N, 0.0])
                mujoco.mj_applyFT(self.model, self.data, force, np.zeros(3), p, self.model.nbody - 1, torque)
        return torque

    def publish(self) -> None:
        q, dq = self.data.qpos[ORDER].tolist(), self.data.qvel[ORDER].tolist()
        names, effort = [ARM.joints[joint] for joint in ORDER], self.effort[ORDER].tolist()
        message = self._state(name=names, position=q, velocity=dq, effort=effort)
        message.header.stamp = self.node.get_clock().now().to_msg()
        self.states.publish(message)


def main() -> None:
    """Run until a signal: what rclpy destroys after its context, when Python ends, may abort the process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    arm = Arm(sys.argv[1], Path(sys.argv[2]))
    with suppress(KeyboardInterrupt):
        rclpy.spin(arm.node)
    arm.node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
