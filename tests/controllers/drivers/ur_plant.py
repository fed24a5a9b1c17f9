"""Physics of a UR arm: MuJoCo over the URDF of Universal Robots' numbers, with the brakes and drives of a real arm.

It knows nothing of our models: gravity, masses and frames come from MuJoCo.
"""

import re

import mujoco
import numpy as np

from tests.controllers.drivers.ur_kinematics import urdf
from tests.controllers.drivers.ur_server import CYCLE_S, READY, Arm

START_Q = (2.8409, -1.6596, 2.0143, -1.9255, -1.5708, -1.8715)  # the tool at (0.45, 0, 0.35) m in Base, pointing down
ARMATURE, DRAG = 0.1, 1.0  # of motors and gears at the joints, our guess [kg m^2, N m s/rad]
HOLD_STIFFNESS, HOLD_DAMPING = 400.0, 40.0  # of the arm's own position control
PATIENCE = 100.0  # watchdogs take so much longer: a busy machine that keeps the sender waiting is not a dead sender
STEPS = 2
SHAPES = re.compile(r"<(visual|collision)>.*?</\1>")
LOAD = (
    '<link name="tool0"><inertial><origin xyz="0 0 0.05"/><mass value="{}"/>'
    '<inertia ixx="1e-3" iyy="1e-3" izz="1e-3" ixy="0" ixz="0" iyz="0"/></inertial></link>'
)


class Plant:
    """An arm at rest, and the hand of a person at its flange.

    Args:
        load_kg: at the flange, 5 cm before it; unknown to the arm.
    """

    def __init__(self, arm: str = "ur5e", load_kg: float = 0.0) -> None:
        text = SHAPES.sub("", urdf(arm))
        loaded = text.replace('<link name="tool0"/>', LOAD.format(load_kg)) if load_kg else text
        self._own, self.model = (mujoco.MjModel.from_xml_string(each) for each in (text, loaded))
        self.data, self._of_arm = mujoco.MjData(self.model), mujoco.MjData(self._own)
        self.model.dof_armature[:], self.model.dof_damping[:] = ARMATURE, DRAG
        self.data.qpos[:] = START_Q
        self._hold_q = np.array(START_Q)
        self.hand_n = np.zeros(3)
        """Force of the person, in base_link [N]."""

    def gravity(self) -> np.ndarray:
        """Return the torque with which the arm carries itself, without the load."""
        self._of_arm.qpos[:], self._of_arm.qvel[:] = self.data.qpos, 0.0
        mujoco.mj_forward(self._own, self._of_arm)
        return self._of_arm.qfrc_bias.copy()

    def step(self, tau: np.ndarray | None) -> None:
        """Advance by 2 ms under torques, or on the arm's own position control."""
        data = self.data
        if tau is None:
            tau = HOLD_STIFFNESS * (self._hold_q - data.qpos) - HOLD_DAMPING * data.qvel + data.qfrc_bias
        else:
            self._hold_q = data.qpos.copy()
        hand = np.zeros(6)
        mujoco.mj_applyFT(self.model, data, self.hand_n, hand[:3], data.xipos[-1], self.model.nbody - 1, hand)
        data.qfrc_applied[:] = tau + hand
        mujoco.mj_step(self.model, data)


class RealTimeArm(Arm):
    """A UR arm for `UrServer`, in real time and with physics; its cable can be pulled."""

    def __init__(self) -> None:
        super().__init__(q=list(START_Q))
        self.period_s, self.plant = STEPS * CYCLE_S, Plant()

    def cycle(self) -> None:
        """Two of the arm's cycles pass: a busy machine has no time for each."""
        with self.lock:
            self.time_s += self.period_s
            patience = PATIENCE if self.cable else 1.0
            if self.time_s - self.fed_s > patience * self.watchdog_s or self.safety_mode != 1:
                self.script, self.torque, self.answer = False, None, READY
            plant = self.plant
            for _ in range(STEPS):
                plant.step(None if self.torque is None else np.array(self.torque) + plant.gravity())
            self.q, self.dq = plant.data.qpos.tolist(), plant.data.qvel.tolist()
