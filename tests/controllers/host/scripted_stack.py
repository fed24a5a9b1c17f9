"""Stacks over the simulated arm whose driver takes the vendors' times in real time, or dies."""

from __future__ import annotations

import time
from typing import Any

from controllers.geometry import FloatArray
from controllers.host.control_stack import ControlStack
from robot_rl.core.clock import SystemClock
from robot_rl.sim.control_stack import pick_lift
from robot_rl.sim.driver import SimulatedDriver, SimulatedFault
from robot_rl.sim.simulation import plain_cell


class SlowDriver(SimulatedDriver):
    """Stops by itself after a second of torque, and takes its time."""

    def __init__(self, recover_s: float = 0.8, stop_s: float = 1.0, **options: Any) -> None:
        super().__init__(plain_cell(), SystemClock(), **options)
        self._recover_s, self._stop_s, self._torques = recover_s, stop_s, 0

    def _send(self, tau: FloatArray) -> None:
        super()._send(tau)
        self._torques += 1
        if self._torques == 500:
            self.inject(SimulatedFault.REFLEX)
            self.fault = SimulatedFault.NONE

    def _clear(self) -> None:
        time.sleep(self._recover_s)
        super()._clear()

    def _end(self) -> None:
        super()._end()
        time.sleep(self._stop_s)


class AbortingDriver(SimulatedDriver):
    """Its library raises what no driver expects."""

    def write(self, tau: FloatArray) -> bool:
        raise RuntimeError("the torque that ends it")


def slow(recover_s: str = "0.8", stop_s: str = "1.0") -> ControlStack:
    """The stack of a slow arm."""
    return pick_lift()._replace(driver=SlowDriver(float(recover_s), float(stop_s)))


def aborting() -> ControlStack:
    """The stack of a driver that raises in the loop."""
    return pick_lift()._replace(driver=AbortingDriver(plain_cell(), SystemClock()))
