"""The simulated workcell in real time: slices of physics at absolute deadlines, and what a controller can be asked."""

from __future__ import annotations

import numpy as np

from controllers.arm import REASON_TEXT, Mode, Reason
from controllers.law.gains import Gains
from controllers.law.tick import activate, deactivate, fail, recover
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose, gripper_down
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import Simulation

SLICE_S = 0.01
HOLD_AFTER_S = 0.25  # two and a half periods of a 10 Hz actor: one late target is no reason to stop
DAMP_AFTER_S = 5.0
_FAULTS_FROM = Reason.START_MOVING
_STOPPED = "emergency stop: release it with ~/recover when it is safe, then ~/enable"


class PacedSimulation:
    """A `Simulation` whose time is the clock's.

    `advance` lets one slice pass and returns at its deadline. Deadlines are absolute; slices that could not be made in
    time are counted in `missed` and left out: the simulated time then falls behind, as an arm would that was not
    served. Targets that stay away make the controller hold its pose after `HOLD_AFTER_S`.

    Args:
        slice_s: physics between two looks at the clock [s], a multiple of the time step.

    Raises:
        ConfigError: a slice that is no multiple.
    """

    def __init__(self, simulation: Simulation, clock: Clock, slice_s: float = SLICE_S) -> None:
        if not (slice_s > 0 and abs(slice_s / TIMESTEP_S - round(slice_s / TIMESTEP_S)) < 1e-9):
            raise ConfigError(f"slice_s: got {slice_s}, expected a positive multiple of {TIMESTEP_S} s; 0.01 is usual.")
        self.simulation, self.missed, self.slices = simulation, 0, 0
        simulation.gains = simulation.gains.replaced(hold_after_s=HOLD_AFTER_S, damp_after_s=DAMP_AFTER_S)
        self._clock, self._slice_s, self._slice_ns = clock, slice_s, round(slice_s * NS_PER_S)
        self._deadline_ns = clock.now_ns()
        self._held: Pose | None = None  # a pose that outranks every target
        self._estopped = False

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new scene and go on from now; a hold ends, an emergency stop stays."""
        self.simulation.reset(rng)
        self._held = None
        self._deadline_ns = self._clock.now_ns()
        if self._estopped:
            self.stop()

    def advance(self) -> None:
        """Let one slice pass under the controller; returns when it is over on the clock."""
        if self._held is not None:
            self.simulation.set_target(self._held)
        self.simulation.advance(self._slice_s)
        self.slices += 1
        self._deadline_ns += self._slice_ns
        late = (self._clock.now_ns() - self._deadline_ns) // self._slice_ns
        if late > 0:
            self.missed += late
            self._deadline_ns += late * self._slice_ns
        self._clock.sleep_until(self._deadline_ns)

    def command(self, T_base_target: Pose, finger_m: float) -> None:
        """Follow a target, unless a pose is held."""
        if self._held is None:
            self.simulation.set_target(T_base_target)
        self.simulation.set_finger(finger_m)

    def hold(self, on: bool) -> None:
        """Hold the present pose against all targets, or follow them again."""
        self._held = self.simulation.T_base_tcp if on else None

    def hold_once(self) -> None:
        """Take the present pose as the target; the next target counts."""
        self.simulation.set_target(self.simulation.T_base_tcp)

    def lead(self, T_base_target: Pose) -> None:
        """Go to a pose against all targets, and stay there until `hold(False)`."""
        self._held = T_base_target

    def home(self) -> None:
        """Go where the task's episodes start, and stay there until `hold(False)`."""
        self._held = gripper_down(np.array(self.simulation.task.arm.start.position_m))

    def enable(self, on: bool) -> str:
        """Follow targets from the present pose, after a fault too; or float. Returns why not, empty when it does."""
        if on and self._estopped:
            return _STOPPED
        (activate if on else deactivate)(self.simulation.memory)
        return ""

    def stop(self) -> None:
        """Emergency stop: brake. It stays until `recover` releases it, and then the arm stands until `enable`."""
        self._estopped = True
        fail(self.simulation.memory, Reason.ROBOT_STOPPED)

    def recover(self) -> str:
        """Release the emergency stop, or back off after a fault; returns why not, empty when it does."""
        if self._estopped:
            self._estopped = False
            return ""
        reason = Reason(recover(self.simulation.memory, self.simulation.gains, self.simulation.time_s))
        return "" if reason is Reason.OK else REASON_TEXT[reason]

    def set_gains(self, gains: Gains) -> None:
        """Other gains, from the next tick on; the watchdog's times too."""
        self.simulation.gains = gains

    @property
    def stopped(self) -> bool:
        """Whether the arm stands in a fault."""
        return self.simulation.mode is Mode.FAULT

    @property
    def fault(self) -> str:
        """Why the controller does not follow, empty when it does; holding because nobody sends is no fault."""
        if self._estopped:
            return _STOPPED
        reason = self.simulation.reason
        return REASON_TEXT[reason] if reason >= _FAULTS_FROM else ""
