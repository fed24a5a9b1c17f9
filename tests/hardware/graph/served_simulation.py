"""The simulated arm on the far side of a wire, moved by the client's own clock: one thread, real time."""

from collections.abc import Callable

import numpy as np

from robot_rl.core.clock import SystemClock
from robot_rl.core.pose import Pose
from robot_rl.hardware.simulated import SimulatedRobot
from robot_rl.sim.simulation import Simulation

SLICE_S = 0.01


class ServedSimulation(SimulatedRobot):
    """A `ServedRobot` over a `Simulation`."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation)
        self.simulation = simulation
        self._goal = simulation.T_base_tcp

    def command(self, T_base_target: Pose, finger_m: float) -> None:
        super().command(T_base_target, finger_m)
        self._goal = T_base_target

    def joint_state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        state = self.simulation.loop.state
        return state.q.copy(), state.dq.copy(), state.tau.copy()

    def commanded(self) -> Pose:
        return self._goal

    def mode(self) -> str:
        return "fault" if self.state().fault else "active"


class ServingClock(SystemClock):
    """The machine's clock; who sleeps on it serves meanwhile, every `SLICE_S`."""

    def __init__(self, serve: Callable[[], None]) -> None:
        self._serve = serve

    def sleep_until(self, deadline_ns: int) -> None:
        while (now_ns := self.now_ns()) < deadline_ns:
            self._serve()
            super().sleep_until(min(deadline_ns, now_ns + round(SLICE_S * 1e9)))
