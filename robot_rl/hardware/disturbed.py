"""Simulated arm whose commands arrive late, and on which something happens during a control period."""

from bisect import insort
from collections.abc import Callable

import numpy as np

from controllers.arm import Reason
from robot_rl.core.pose import Pose
from robot_rl.hardware.robot import RobotState
from robot_rl.hardware.simulated import SimulatedRobot
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import Simulation


class DisturbedRobot(SimulatedRobot):
    """A `SimulatedRobot` with events in simulated time; without any it is the same arm, bit for bit."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation)
        self.delay_s = 0.0
        """From a command to its arrival [s]."""
        self._events: list[tuple[float, Callable[[], None]]] = []

    def begin(self) -> None:
        """Forget the events of the episode before."""
        self._events.clear()

    def at(self, time_s: float, event: Callable[[], None]) -> None:
        """Let something happen at a simulated time since the reset [s], to a time step."""
        insort(self._events, (time_s, event), key=lambda entry: entry[0])

    def command(self, T_base_target: Pose, finger_m: float | None) -> None:
        """Send the target pose and the fingers' travel [m], which arrive after the delay."""
        if not self.delay_s:
            return super().command(T_base_target, finger_m)
        arrive = super().command
        self.at(self._simulation.time_s + self.delay_s, lambda: arrive(T_base_target, finger_m))

    def wait(self, period_s: float) -> RobotState:
        """Advance the simulation by one control period, event by event."""
        simulation, end_s = self._simulation, self._simulation.time_s + period_s
        if not self._happen(end_s):
            return super().wait(period_s)
        sensors, gravest = np.zeros(6), Reason.OK
        while (left_s := end_s - simulation.time_s) > TIMESTEP_S / 2:
            self._happen(simulation.time_s, run=True)
            following = min([left_s, *(time_s - simulation.time_s for time_s, _ in self._events)])
            start_s = simulation.time_s
            gravest = max(gravest, simulation.advance(following))
            sensors += simulation.wrist_mean * (simulation.time_s - start_s) / period_s
        simulation.set_wrist_mean(sensors)
        simulation.reason = gravest
        return self.state()

    def _happen(self, time_s: float, *, run: bool = False) -> bool:
        """Return whether events are due up to a time; run them and drop them."""
        due = [event for at_s, event in self._events if at_s < time_s + TIMESTEP_S / 2]
        if run:
            self._events = self._events[len(due) :]
            for event in due:
                event()
        return bool(due)
