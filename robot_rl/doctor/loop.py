"""Measurement of loop jitter under the real-time settings that were granted."""

from contextlib import AbstractContextManager
from typing import NamedTuple

from controllers.host.pacing import Pacer
from controllers.host.realtime import RealtimeStatus
from robot_rl.core.clock import Clock


class LoopMetrics(NamedTuple):
    """Result of a test."""

    ticks: int
    misses: int  # deadlines that passed before their tick
    late_us_p99: float
    late_us_max: float
    privileges: str  # advice for settings that were not granted; empty when all were


def try_loop(
    rate_hz: float, seconds: float, clock: Clock, privileges: AbstractContextManager[RealtimeStatus]
) -> LoopMetrics:
    """Run an empty loop for `seconds` within `privileges`."""
    with privileges as granted:
        pacer = Pacer(1.0 / rate_hz, clock)
        for _ in range(round(rate_hz * seconds)):
            pacer.wait()
    return LoopMetrics(pacer.cycles, pacer.misses, pacer.late_us(99), pacer.late_max_us, granted.advice())
