"""Driver of the simulated arm: the same physics as `Simulation.advance`, with the loop outside.

Lockstep: each `read` advances one time step, as fast as possible. Paced: `read` waits for the clock, and the arm moves
on while a host is late. `_Firmware` replaces an arm's firmware: it holds the arm without commands, ends a stream whose
sender is silent, and stops when a joint moves too fast.
"""

from collections.abc import Callable
from enum import Enum
from typing import Self

import numpy as np

from controllers.arms.spec import ArmSpec
from controllers.drivers.contract import Capabilities, DriverError, DriverMode, Requirements, UnreachableError
from controllers.drivers.stream import Observed, StreamDriver
from controllers.geometry import FloatArray
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import Simulation, plain_cell

HOLD_S, AT_REST_RAD_PER_S = 0.015, 0.02  # time constant of the arm's own position control; slower joints are held


class SimulatedFault(Enum):
    """Faults that a test can inject into a simulated arm."""

    NONE = "released"
    REFLEX = "cartesian_reflex"
    USER_STOP = "the user stop is pressed; release it"
    FROZEN = "the same state for ever"
    UNPLUGGED = "cable pulled"


class Unplugged(Exception):
    """The arm does not answer."""


class Refused(Exception):
    """A stopped arm accepts no torque."""


class _Firmware:
    """Behaviour of a real arm's firmware."""

    def __init__(self, simulation: Simulation, watchdog_s: float) -> None:
        self.simulation, self.watchdog_s = simulation, watchdog_s
        self.stopped = ""  # cause of a stop until recovery
        self.tau: FloatArray | None = None  # the sender's torque while its stream is active
        self.silence_s = 0.0
        self._hold_q = simulation.loop.state.q.copy()
        self._braking = False

    def step(self) -> None:
        """Advance one time step."""
        state = self.simulation.loop.state
        if self.tau is not None and self.silence_s >= self.watchdog_s:
            self.stop(f"communication_constraints_violation: no torque for {self.watchdog_s} s")
        if self.tau is not None and (np.abs(state.dq) > self.simulation.loop.limits.dq_max).any():
            self.stop("joint_velocity_violation")
        self.silence_s += TIMESTEP_S
        self.simulation.step_torque(self._holding() if self.tau is None else self.tau)
        self.simulation.refresh_model()

    def stop(self, cause: str) -> None:
        """End the stream for a cause that must be cleared; an empty cause ends it normally."""
        self.tau = None
        self.stopped = cause or self.stopped
        self._hold_q[:], self._braking = self.simulation.loop.state.q, True

    def _holding(self) -> FloatArray:
        """Return the torque of the arm's own position control, with gravity: it brakes to rest, then holds.

        tau = M ((q_hold - q) / T^2 - 2 dq / T), critically damped; while it brakes, q_hold - q = T dq, so -M dq / T.
        """
        state, dynamics = self.simulation.loop[:2]
        tau_max = self.simulation.loop.limits.tau_max
        self._braking = self._braking and bool(np.abs(state.dq).max() > AT_REST_RAD_PER_S)
        if self._braking:
            self._hold_q[:] = state.q + HOLD_S * state.dq
        own = dynamics.M @ ((self._hold_q - state.q) / HOLD_S - 2.0 * state.dq) / HOLD_S
        return np.clip(dynamics.coriolis + dynamics.gravity + own, -tau_max, tau_max)


class SimulatedDriver(StreamDriver):
    """`Driver` of a simulated arm at the pose of `simulation.reset`.

    Args:
        simulation: the workcell, advanced by this driver.
        clock: None for lockstep; a clock for real time.
        now_s: of the readings' stamps; by default the clock's, in lockstep the simulation's time.
    """

    REQUIREMENTS = Requirements(1.0 / TIMESTEP_S, "mujoco", "", "sim")
    WATCHDOG_S = 0.02  # as long as an FR3 waits for a torque

    def __init__(
        self, simulation: Simulation, clock: Clock | None = None, now_s: Callable[[], float] | None = None
    ) -> None:
        own_s = clock.now_s if clock is not None else lambda: simulation.time_s
        super().__init__("simulation", simulation.joints, simulation.loop.limits, now_s or own_s)
        self.fault = SimulatedFault.NONE
        self.recoveries = 0
        self._simulation, self._clock = simulation, clock
        self._firmware = _Firmware(simulation, self.WATCHDOG_S)
        self._start_ns = 0
        self._steps = 0
        self._fresh = False  # read since the last step

    @classmethod
    def from_arm(cls, arm: ArmSpec) -> Self:
        """See `DriverClass`: the arm of a model, or PickLift's, paced by the clock; the scene is always the same one.

        Settings are those of the arm's real driver, and ignored.
        """
        arm.needed("model")
        return cls(plain_cell(arm), SystemClock())

    def inject(self, fault: SimulatedFault) -> None:
        """Inject a fault."""
        self.fault = fault
        if fault is SimulatedFault.REFLEX:
            self._firmware.stop(fault.value)
        elif fault is SimulatedFault.USER_STOP:
            self._firmware.stop("")

    def place(self) -> None:
        """The scene was drawn anew: the arm stands where that put it, and a stop is over."""
        self._firmware.stop("")
        self._firmware.stopped = ""
        self._simulation.refresh_model()
        self._fresh = True

    @property
    def acting(self) -> FloatArray | None:
        """The sender's active torque; None while the arm holds itself."""
        return self._firmware.tau

    def _open(self) -> Capabilities:
        if self.fault is SimulatedFault.UNPLUGGED:
            raise Unplugged(self.fault.value)
        if self._clock is not None:
            self._start_ns, self._steps = self._clock.now_ns(), 0
        self._simulation.refresh_model()
        self._fresh = True
        return Capabilities(
            name=f"simulated {self._simulation.arm.name}, " + ("lockstep" if self._clock is None else "paced"),
            firmware="MuJoCo",
            joints=self._simulation.joints,
            rate_hz=1.0 / TIMESTEP_S,
            paced=True,
            gravity_in_command=True,
            reports_command=True,
            watchdog_s=self.WATCHDOG_S,
        )

    def _observe(self) -> Observed:
        if self.fault is SimulatedFault.UNPLUGGED:
            raise Unplugged(self.fault.value)
        if not self._fresh:
            for _ in range(self._steps_due()):
                self._firmware.step()
        self._fresh = False
        if self.fault is not SimulatedFault.FROZEN:
            self._copy()
        robot_s = self._reading.robot_s if self.fault is SimulatedFault.FROZEN else self._simulation.time_s
        if self.fault is SimulatedFault.USER_STOP:
            return Observed(DriverMode.LOCKED, self.fault.value, robot_s)
        if self._firmware.stopped:
            return Observed(DriverMode.STOPPED, f"the arm stopped itself: {self._firmware.stopped}; recover()", robot_s)
        return Observed(DriverMode.READY, "", robot_s)

    def _steps_due(self) -> int:
        """Return the number of steps due: one in lockstep; when paced, those that the clock has reached."""
        if self._clock is None:
            return 1
        step_ns = round(TIMESTEP_S * NS_PER_S)
        self._clock.sleep_until(self._start_ns + (self._steps + 1) * step_ns)
        due = (self._clock.now_ns() - self._start_ns) // step_ns - self._steps
        self._steps += due
        return due

    def _copy(self) -> None:
        state, dynamics = self._simulation.loop[:2]
        for mine, theirs in ((self._feedback.state[:5], state[:5]), (self._feedback.dynamics, dynamics)):
            for array, value in zip(mine, theirs, strict=True):
                array[:] = value
        self._feedback.tau_measured[:] = state.tau
        self._feedback.state.tau_external[:] = self._simulation.data.qfrc_constraint[: self._simulation.joints]

    def _send(self, tau: FloatArray) -> None:
        if self._firmware.stopped or self.fault is SimulatedFault.USER_STOP:
            raise Refused(self._firmware.stopped or self.fault.value)
        self._firmware.tau, self._firmware.silence_s = tau.copy(), 0.0

    def _end(self) -> None:
        self._firmware.stop("")

    def _clear(self) -> None:
        self.recoveries += 1
        self._firmware.stopped = ""

    def _release(self) -> None:
        return

    def _lost(self, error: Exception) -> bool:
        return isinstance(error, Unplugged)

    def _refusal(self, error: Exception) -> DriverError:
        return UnreachableError(f"simulated arm: got '{error}', expected it plugged in; inject SimulatedFault.NONE.")
