"""A lab that the package does not know: its own cameras, and a person who stands in for the one at the arm."""

import mujoco
import numpy as np

from robot_rl.tasks.pick_lift import PickLift, PickLiftExpert
from robot_rl.teleop.device import Device, DeviceState

__all__ = ["Person", "PickLiftExpert", "Scene", "Wanderer"]


class Scene(PickLift):
    """The cube, seen by three cameras of the lab's own names."""

    def build(self, arm):
        spec = super().build(arm)
        spec.camera("wrist").name, spec.camera("side").name = "hand_eye", "bench"
        spec.worldbody.add_camera(name="ceiling", pos=(0.5, 0.0, 1.0), mode=mujoco.mjtCamLight.mjCAMLIGHT_FIXED)
        return spec


class Person(Device):
    """Moves as the expert does, says at once that the scene is set, and labels what the simulator knows as success."""

    @classmethod
    def open(cls, context):
        person = cls()
        person.expert, person.outcome, person.rng = context.expert(), context.outcome(), context.rng
        return person

    def reset(self):
        self.expert.reset()

    def read(self, proposed=None):
        labels = ("success",) if self.outcome().success else ()
        return DeviceState(np.array(self.expert.action(), np.float32), True, labels, ready=True)

    def close(self):
        pass


class Wanderer(Person):
    """Moves anywhere and labels nothing."""

    def read(self, proposed=None):
        action = self.rng.uniform(-1.0, 1.0, self.expert.layout.size).astype(np.float32)
        return DeviceState(action, True, ready=True)
