"""A simulated arm's control process inside this process: the same loop, mailbox and requests as a real arm's.

Simulated time passes only in `advance`, and may fall behind the clock. Outside, everything is on the clock: stamps of
targets and states are carried over by their age.
"""

import os

import numpy as np

from controllers.arm import Target
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack
from controllers.host.mailbox import Client, HostState, Mailbox, Request
from controllers.host.motions import MotionCommand
from controllers.law.gains import Gains
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.sim.driver import SimulatedDriver
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import Simulation


class ServedLoop:
    """See `controllers.ros.command_handler.Loop`; used by one thread.

    Args:
        gains: to start with.
        clock: of all stamps outside.
    """

    def __init__(self, simulation: Simulation, gains: Gains, clock: Clock) -> None:
        self.simulation, self._clock = simulation, clock
        self._before_s = 0.0  # simulated until the last reset
        self.driver = SimulatedDriver(simulation, now_s=self.now_s)
        name = f"served-{os.getpid()}-{os.urandom(4).hex()}"
        mailbox = Mailbox(name, simulation.joints, create=True)
        self._client = Client(name, simulation.joints)
        mailbox.unlink()  # no other process opens it
        stack = ControlStack(self.driver, gains, simulation.loop.limits)
        self._process = ControlProcess(stack, mailbox, self)
        self._process.connect()
        self._process.cycle()

    def now_s(self) -> float:
        """Simulated time since the start [s]; a reset does not set it back."""
        return self._before_s + self.simulation.time_s

    def now_ns(self) -> int:
        """The same [ns]."""
        return round(self.now_s() * NS_PER_S)

    def sleep_until(self, deadline_ns: int) -> None:
        """Refuse to wait: simulated time passes in `advance` only.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"served loop: got a wait until {deadline_ns} ns, expected none; call advance.")

    def advance(self, period_s: float) -> None:
        """Let time pass under the controller; the wrench is the mean of it."""
        steps = max(1, round(period_s / TIMESTEP_S))
        total = np.zeros(6)
        for _ in range(steps):
            self._process.cycle()
            total += self.simulation.wrist_sensors
        self.simulation.set_wrist_mean(total / steps)

    def sleep(self, seconds: float) -> None:
        """Let simulated time and the clock's pass alike."""
        self.advance(seconds)
        self._clock.sleep_until(self._clock.now_ns() + round(seconds * NS_PER_S))

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new scene; the arm holds itself there, and follows nothing until it is activated."""
        self.ask(Request.DEACTIVATE)
        self.advance(TIMESTEP_S)
        self._before_s += self.simulation.time_s
        self.simulation.reset(rng)
        self.driver.place()
        self.advance(TIMESTEP_S)

    # The loop's client

    def send(self, target: Target) -> None:
        """Set the latest target."""
        self._client.send(target._replace(stamp_s=target.stamp_s - self._ahead_s()))

    def move(self, command: MotionCommand) -> None:
        """Start a joint motion or guiding, keep it alive, or end it."""
        self._client.move(command._replace(stamp_s=command.stamp_s - self._ahead_s()))

    def set_gains(self, gains: Gains) -> None:
        """Request other gains."""
        self._client.set_gains(gains)

    def ask(self, request: Request) -> None:
        """Send another request."""
        self._client.ask(request)

    @property
    def in_force(self) -> Gains:
        """The gains that the loop follows now."""
        return self._process.gains

    def gains(self) -> Gains:
        """The gains that were asked for last."""
        return self._client.gains()

    def state(self) -> HostState:
        """The latest state, its stamps on the clock."""
        state, ahead_s = self._client.state(), self._ahead_s()
        values = state.values.copy()
        for name in ("stamp_s", "state_stamp_s", "target_stamp_s"):
            values[name] += ahead_s
        return state._replace(stamp_s=state.stamp_s + ahead_s, values=values)

    def _ahead_s(self) -> float:
        """How far the clock is ahead of the simulated time [s]."""
        return self._clock.now_ns() / NS_PER_S - self.now_s()
