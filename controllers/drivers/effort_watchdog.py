"""The arm's side of the effort interface: between a sender that may die and a controller that never forgets.

ros2_control's effort forwarding (`forward_command_controller`) applies the last command for ever. So nobody sends to it
but this watchdog, which runs on the arm's computer: it relays commands while they are fresh, and damps the joints about
the weight of the arm as soon as they are not. A trip is latched until the sender asks for a reset.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from controllers.geometry import FloatArray

HEADER = 2  # kind, sequence number


class Kind(IntEnum):
    """What a command asks for."""

    RELEASE = 0  # the stream ends, on purpose
    EFFORT = 1
    RESET = 2  # clear a trip


class EffortCommand(NamedTuple):
    """One message from driver to watchdog."""

    kind: Kind
    sequence: int  # grows by one with each message; repeated and overtaken ones are dropped
    effort: FloatArray  # (N,) [N m]
    floating: FloatArray  # (N,) what keeps the arm up at rest: gravity, or zero where the arm adds it itself [N m]


class WatchdogState(IntEnum):
    """What the watchdog does."""

    RESTING = 0  # no stream: damping
    RELAYING = 1
    TRIPPED = 2  # the stream stopped without a release: damping until RESET


class WatchdogStatus(NamedTuple):
    """One message from watchdog to driver."""

    state: WatchdogState
    sequence: int  # the last one that was taken
    trips: int


def encode_command(command: EffortCommand) -> list[float]:
    """As the data of a std_msgs/Float64MultiArray: kind, sequence, N efforts, N floating."""
    return [float(command.kind), float(command.sequence), *command.effort.tolist(), *command.floating.tolist()]


def decode_command(data: ArrayLike, joints: int) -> EffortCommand | None:
    """The command, or None for a message of another length or kind, or one that is not finite."""
    numbers = np.asarray(data, dtype=np.float64)
    if numbers.shape != (HEADER + 2 * joints,) or not np.isfinite(numbers).all() or numbers[0] not in list(Kind):
        return None
    body = numbers[HEADER:]
    return EffortCommand(Kind(int(numbers[0])), int(numbers[1]), body[:joints].copy(), body[joints:].copy())


def encode_status(status: WatchdogStatus) -> list[float]:
    """As the data of a std_msgs/Float64MultiArray."""
    return [float(status.state), float(status.sequence), float(status.trips)]


def decode_status(data: ArrayLike) -> WatchdogStatus | None:
    """The status, or None for a message that is not one."""
    numbers = np.asarray(data, dtype=np.float64)
    if numbers.shape != (3,) or not np.isfinite(numbers).all() or numbers[0] not in list(WatchdogState):
        return None
    return WatchdogStatus(WatchdogState(int(numbers[0])), int(numbers[1]), int(numbers[2]))


class EffortWatchdog:
    """Decides what the arm's controller is given. Call `take` for each message and `output` in each cycle.

    Args:
        timeout_s: age of the last command at which the stream counts as dead.
        damping: (N,) of the joints when nobody commands [N m s/rad].
        tau_max: (N,) bound of everything that goes out [N m].
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
        self._effort, self._floating = np.zeros_like(self._damping), np.zeros_like(self._damping)

    @property
    def status(self) -> WatchdogStatus:
        """What to tell the driver."""
        return WatchdogStatus(self._state, self._sequence, self._trips)

    def take(self, command: EffortCommand | None, now_s: float) -> bool:
        """Consider a message; whether it was taken. A reset starts a new sequence: the sender may have started anew."""
        if command is None:
            return False
        if command.kind is Kind.RESET:
            self._state, self._sequence = WatchdogState.RESTING, command.sequence
            return True
        self._watch(now_s)  # a message after a gap comes too late to undo the trip
        if self._state is WatchdogState.TRIPPED or command.sequence <= self._sequence:
            return False
        relaying = command.kind is Kind.EFFORT
        self._state = WatchdogState.RELAYING if relaying else WatchdogState.RESTING
        self._sequence, self._taken_s = command.sequence, now_s
        self._effort[:], self._floating[:] = command.effort, command.floating
        return True

    def output(self, dq: FloatArray, now_s: float) -> FloatArray:
        """The efforts (N,) to give the arm's controller now."""
        self._watch(now_s)
        if self._state is WatchdogState.RELAYING:
            return np.clip(self._effort, -self._tau_max, self._tau_max)
        drag = self._damping * np.where(np.isfinite(dq), dq, 0.0)
        return np.clip(self._floating - drag, -self._tau_max, self._tau_max)

    def _watch(self, now_s: float) -> None:
        if self._state is WatchdogState.RELAYING and now_s - self._taken_s > self._timeout_s:
            self._state = WatchdogState.TRIPPED
            self._trips += 1
