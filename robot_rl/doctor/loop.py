"""Measurement of loop jitter under the real-time settings that were granted."""

from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np

from controllers.host.realtime import RealtimeStatus
from robot_rl.core.clock import NS_PER_S, Clock


class Punctuality:
    """Lateness of each tick of a loop, against absolute deadlines."""

    def __init__(self, rate_hz: float, ticks: int) -> None:
        self.period_ns = round(NS_PER_S / rate_hz)
        self.late_ns = np.zeros(ticks, np.int64)  # (T,)

    def run(self, clock: Clock) -> None:
        """Sleep from deadline to deadline."""
        start_ns = clock.now_ns()
        for tick in range(self.late_ns.size):
            deadline_ns = start_ns + (tick + 1) * self.period_ns
            clock.sleep_until(deadline_ns)
            self.late_ns[tick] = clock.now_ns() - deadline_ns


class LoopMetrics(NamedTuple):
    """Result of a test."""

    ticks: int
    misses: int  # ticks later than the next deadline
    late_us_p99: float
    late_us_max: float
    privileges: str  # advice for settings that were not granted; empty when all were


def try_loop(
    rate_hz: float, seconds: float, clock: Clock, privileges: AbstractContextManager[RealtimeStatus]
) -> LoopMetrics:
    """Run an empty loop for `seconds` within `privileges`."""
    loop = Punctuality(rate_hz, round(rate_hz * seconds))
    with privileges as granted:
        loop.run(clock)
    late_us = loop.late_ns / 1000.0
    misses = int((loop.late_ns >= loop.period_ns).sum())
    return LoopMetrics(
        loop.late_ns.size, misses, float(np.percentile(late_us, 99)), float(late_us.max()), granted.advice()
    )
