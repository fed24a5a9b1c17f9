"""Effort watchdog: the arm's side of the effort interface, for a controller without time-out.

ros2_control's effort forwarding (`forward_command_controller`) applies the last command for ever. So only this
watchdog, on the arm's computer, publishes to it: it relays commands while they are fresh; before, between and after
them it commands joint damping plus the gravity torque. A trip is latched until the sender requests a reset.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from controllers.geometry import FloatArray

HEADER = 2  # kind, sequence number
MOVING_RAD_PER_S = 0.02  # slower velocities have no direction
REGAIN_S = 1.0  # time in which a reduced damping doubles, up to the configured one


class Kind(IntEnum):
    """Kind of a command."""

    RELEASE = 0  # intentional end of the stream
    EFFORT = 1
    RESET = 2  # clear a trip


class EffortCommand(NamedTuple):
    """One message from driver to watchdog."""

    kind: Kind
    sequence: int  # increments with each message; repeated and reordered ones are dropped
    effort: FloatArray  # (N,) [N m]


class WatchdogState(IntEnum):
    """Mode of the watchdog."""

    RESTING = 0  # no stream: damping
    RELAYING = 1
    TRIPPED = 2  # the stream stopped without a release: damping until RESET


class WatchdogStatus(NamedTuple):
    """One message from watchdog to driver."""

    state: WatchdogState
    sequence: int  # the last accepted one
    trips: int


def encode_command(command: EffortCommand) -> list[float]:
    """Return the data of a std_msgs/Float64MultiArray: kind, sequence, N efforts."""
    return [float(command.kind), float(command.sequence), *command.effort.tolist()]


def decode_command(data: ArrayLike, joints: int) -> EffortCommand | None:
    """Return the command, or None for a message of another length or kind, or with non-finite numbers."""
    numbers = np.asarray(data, dtype=np.float64)
    if numbers.shape != (HEADER + joints,) or not np.isfinite(numbers).all() or numbers[0] not in list(Kind):
        return None
    return EffortCommand(Kind(int(numbers[0])), int(numbers[1]), numbers[HEADER:].copy())


def encode_status(status: WatchdogStatus) -> list[float]:
    """Return the data of a std_msgs/Float64MultiArray."""
    return [float(status.state), float(status.sequence), float(status.trips)]


def decode_status(data: ArrayLike) -> WatchdogStatus | None:
    """Return the status, or None for another message."""
    numbers = np.asarray(data, dtype=np.float64)
    if numbers.shape != (3,) or not np.isfinite(numbers).all() or numbers[0] not in list(WatchdogState):
        return None
    return WatchdogStatus(WatchdogState(int(numbers[0])), int(numbers[1]), int(numbers[2]))


class Damping:
    """Joint damping -D dq whose gain falls where it is too late: a damper never reverses a motion, but one that acts on
    old velocities does, and then swings the arm. Each reversal of a joint leaves a quarter of its gain.
    """

    def __init__(self, damping: FloatArray) -> None:
        self._full = damping
        self.restart()

    def restart(self) -> None:
        """Start with the full gain."""
        self._gain, self._way, self._seen_s = self._full.copy(), np.zeros_like(self._full), -np.inf

    def see(self, dq: FloatArray, now_s: float) -> None:
        """Take a new velocity (N,) [rad/s]."""
        regained = 2.0 ** min(max(now_s - self._seen_s, 0.0) / REGAIN_S, 60.0)
        self._gain, self._seen_s = np.minimum(self._gain * regained, self._full), now_s
        way = np.where(np.abs(dq) > MOVING_RAD_PER_S, np.sign(dq), self._way)
        self._gain[way * self._way < 0.0] *= 0.25
        self._way = way

    def torque(self, dq: FloatArray) -> FloatArray:
        """Return the torque (N,) [N m]; zero where a velocity is not finite."""
        return -self._gain * np.where(np.isfinite(dq), dq, 0.0)


class EffortWatchdog:
    """Watchdog logic: call `take` for each message and `output` in each cycle.

    Args:
        timeout_s: age of the last command at which the stream counts as dead.
        damping: (N,) of the joints without commands [N m s/rad].
        tau_max: (N,) bound of all output [N m].
    """

    def __init__(self, timeout_s: float, damping: ArrayLike, tau_max: ArrayLike) -> None:
        self._damping = np.asarray(damping, dtype=np.float64)
        self._tau_max = np.asarray(tau_max, dtype=np.float64)
        if not (np.isfinite(timeout_s) and timeout_s > 0.0):
            raise ValueError(f"timeout_s: got {timeout_s}, expected a positive number; 0.02 is 10 cycles at 500 Hz.")
        if self._damping.shape != self._tau_max.shape or not (self._damping >= 0.0).all():
            raise ValueError(f"damping: got {self._damping.tolist()}, expected one number >= 0 for each joint.")
        self._timeout_s = timeout_s
        self._state, self._sequence, self._trips, self._taken_s = WatchdogState.RESTING, -1, 0, -np.inf
        self._effort = np.zeros_like(self._damping)
        self._damper = Damping(self._damping)

    @property
    def status(self) -> WatchdogStatus:
        """Return the status for the driver."""
        return WatchdogStatus(self._state, self._sequence, self._trips)

    def take(self, command: EffortCommand | None, now_s: float) -> bool:
        """Process a message; return whether it was accepted. A reset starts a new sequence, as after a restart."""
        if command is None:
            return False
        if command.kind is Kind.RESET:
            self._state, self._sequence = WatchdogState.RESTING, command.sequence
            return True
        self._watch(now_s)  # a message after a gap cannot undo the trip
        if self._state is WatchdogState.TRIPPED or command.sequence <= self._sequence:
            return False
        relaying = command.kind is Kind.EFFORT
        self._state = WatchdogState.RELAYING if relaying else WatchdogState.RESTING
        self._sequence, self._taken_s = command.sequence, now_s
        self._effort[:] = command.effort
        return True

    def see(self, dq: FloatArray, now_s: float) -> None:
        """Take a new joint velocity (N,) [rad/s]; while efforts are relayed, a reversal is none of the damping's."""
        if self._state is WatchdogState.RELAYING:
            self._damper.restart()
        else:
            self._damper.see(dq, now_s)

    def output(self, dq: FloatArray, gravity: FloatArray, now_s: float) -> FloatArray:
        """Return the efforts (N,) for the arm's controller now; `gravity` is zero where the arm adds it itself."""
        self._watch(now_s)
        if self._state is WatchdogState.RELAYING:
            return np.clip(self._effort, -self._tau_max, self._tau_max)
        return np.clip(gravity + self._damper.torque(dq), -self._tau_max, self._tau_max)

    def _watch(self, now_s: float) -> None:
        if self._state is WatchdogState.RELAYING and now_s - self._taken_s > self._timeout_s:
            self._state = WatchdogState.TRIPPED
            self._trips += 1
