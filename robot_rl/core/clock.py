"""Time as an argument: a monotonic clock and a rate keeper with absolute deadlines."""

import math
import time

from controllers.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError

__all__ = ["NS_PER_S", "Clock", "RateKeeper", "SystemClock"]


class SystemClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """Return the present moment [ns]."""
        return time.monotonic_ns()

    def now_s(self) -> float:
        """Return the present moment [s]."""
        return self.now_ns() / NS_PER_S

    def sleep_until(self, deadline_ns: int) -> None:
        """Return at `deadline_ns` [ns], at once when it has passed."""
        while (remaining_ns := deadline_ns - self.now_ns()) > 0:
            time.sleep(remaining_ns / NS_PER_S)


class RateKeeper:
    """Rate keeper: times a loop on the grid start + k / rate, without drift.

    Deadlines are absolute: a late tick does not shift the later ones. A loop that is late by one period or more skips
    the grid points that it missed (no burst to catch up) and counts them in `missed`.

    Raises:
        ConfigError: the rate is not a positive, finite number.
    """

    def __init__(self, rate_hz: float, clock: Clock) -> None:
        if not (math.isfinite(rate_hz) and rate_hz > 0):
            raise ConfigError(f"rate_hz: got {rate_hz}, expected a positive number; 10 is the usual policy rate.")
        self.period_ns = round(NS_PER_S / rate_hz)
        self.missed = 0
        self.ticks = 0
        self._clock = clock
        self._deadline_ns = clock.now_ns() + self.period_ns

    def wait(self) -> float:
        """Sleep to the next grid point and return the loop's lateness [s], 0 when it was in time."""
        late_ns = max(0, self._clock.now_ns() - self._deadline_ns)
        skipped = late_ns // self.period_ns
        self.missed += skipped
        self.ticks += 1
        self._clock.sleep_until(self._deadline_ns)
        self._deadline_ns += (skipped + 1) * self.period_ns
        return late_ns / NS_PER_S

    def restart(self) -> None:
        """Restart the grid now, after an intentional pause (reset, operator stop); it does not count as missed."""
        self._deadline_ns = self._clock.now_ns() + self.period_ns
