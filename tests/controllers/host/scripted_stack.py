"""Stacks over the simulated arm whose driver takes the vendors' times in real time, or dies."""

import time

from controllers.geometry import FloatArray
from controllers.host.control_stack import ControlStack
from robot_rl.core.clock import SystemClock
from robot_rl.sim.control_stack import pick_lift
from robot_rl.sim.driver import SimulatedDriver, SimulatedFault
from robot_rl.sim.simulation import plain_cell


class SlowDriver(SimulatedDriver):
    """Stops by itself after a second of torque, and takes its time."""

    RECOVER_S, STOP_S = 0.8, 1.0
    _torques = 0

    def _send(self, tau: FloatArray) -> None:
        super()._send(tau)
        self._torques += 1
        if self._torques == 500:
            self.inject(SimulatedFault.REFLEX)
            self.fault = SimulatedFault.NONE

    def _clear(self) -> None:
        time.sleep(self.RECOVER_S)
        super()._clear()

    def _end(self) -> None:
        super()._end()
        time.sleep(self.STOP_S)


class AbortingDriver(SimulatedDriver):
    """Its library raises what no driver expects."""

    def write(self, tau: FloatArray) -> bool:
        raise RuntimeError("the torque that ends it")


def aborting() -> ControlStack:
    """The stack of a driver that raises in the loop."""
    return pick_lift()._replace(driver=AbortingDriver(plain_cell(), SystemClock()))
