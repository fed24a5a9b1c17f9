"""Test doubles, also for extensions of this package: a clock without time, a device with recorded states."""

from collections.abc import Iterable

import numpy as np

from robot_rl.core.clock import NS_PER_S
from robot_rl.teleop.device import DeviceState, ScriptedDevice


class FakeClock:
    """A clock that moves only by `advance`, or to the deadline of a sleep.

    Example:
        >>> clock = FakeClock()
        >>> clock.advance(0.5)
        >>> clock.sleep_until(2 * NS_PER_S)
        >>> clock.now_s()
        2.0
    """

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_ns = round(start_s * NS_PER_S)

    def now_ns(self) -> int:
        """Return the present moment [ns]."""
        return self._now_ns

    def now_s(self) -> float:
        """Return the present moment [s]."""
        return self._now_ns / NS_PER_S

    def sleep_until(self, deadline_ns: int) -> None:
        """Move to `deadline_ns` [ns]; never backwards."""
        self._now_ns = max(self._now_ns, deadline_ns)

    def advance(self, duration_s: float) -> None:
        """Move forward by `duration_s`."""
        self._now_ns += round(duration_s * NS_PER_S)


class Playback(ScriptedDevice):
    """A device that plays recorded states, one a read, then returns no motion.

    Example:
        >>> device = Playback([DeviceState(engaged=True)])
        >>> device.read().engaged, device.read().engaged
        (True, False)
    """

    def __init__(self, states: Iterable[DeviceState]) -> None:
        self._states = iter(states)

    def reset(self) -> None:
        """Do nothing: a recording runs across episodes."""

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the next recorded state."""
        return next(self._states, DeviceState())
