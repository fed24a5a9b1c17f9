"""Absolute deadlines: a clock that sleeps until a moment, not for a while, and the books of how well that went."""

from __future__ import annotations

import ctypes
import time
from typing import Protocol

import numpy as np

from controllers.host.monotonic import make_timespec, spin_until

NS_PER_S = 1_000_000_000
TIMER_ABSTIME = 1
BUCKET_US = 1.0  # of the histogram of lateness
BUCKETS = 5000  # the last one holds all that is later
SPIN_US = 50.0
REST = 0.08  # of a period: Linux takes the core from a real-time process that is awake for more than 0.95 of the time


class Clock(Protocol):
    """Monotonic time; `robot_rl.core.clock` has a double for tests."""

    def now_ns(self) -> int:
        """Now [ns]."""
        ...

    def sleep_until(self, deadline_ns: int) -> None:
        """Return at `deadline_ns`, at once when it has passed."""
        ...


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class PreciseClock:
    """The kernel's monotonic clock with absolute sleeps.

    Args:
        spin_us: so long before a deadline the sleep ends and a busy wait begins [us]: on time, at the price of a core.
        rest_us: it sleeps at least so long in each wait that has the time, however long `spin_us` is [us].
    """

    def __init__(self, spin_us: float = 0.0, rest_us: float = 0.0) -> None:
        self._spin_ns, self._rest_ns = round(spin_us * 1e3), round(rest_us * 1e3)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._until = _Timespec()
        self._reading = make_timespec()
        spin_until(0, self._reading)  # compiled now, not at the first deadline

    def now_ns(self) -> int:
        """Now [ns]."""
        return time.monotonic_ns()

    def sleep_until(self, deadline_ns: int) -> None:
        """Sleep, then spin; a signal in between does not end the wait."""
        wake_ns = deadline_ns - self._spin_ns
        if self._rest_ns:
            wake_ns = max(wake_ns, min(time.monotonic_ns() + self._rest_ns, deadline_ns))
        until = self._until
        until.seconds, until.nanoseconds = divmod(wake_ns, NS_PER_S)
        while time.monotonic_ns() < wake_ns:
            self._libc.clock_nanosleep(time.CLOCK_MONOTONIC, TIMER_ABSTIME, ctypes.byref(until), None)
        spin_until(deadline_ns, self._reading)


def pacing_clock(period_s: float, own_core: bool) -> PreciseClock:
    """The clock for a loop of this period [s].

    `own_core`: no other thread needs the core, so it waits awake. Who sleeps has to be woken, and waits for whatever
    system call another process has begun meanwhile: on a kernel that does not preempt those, for a millisecond.
    """
    return PreciseClock(period_s * 1e6, REST * period_s * 1e6) if own_core else PreciseClock(SPIN_US)


class Pacer:
    """One deadline each period, counted from the first: a late cycle does not shift the ones after it.

    `wait` returns at the next deadline. Deadlines that passed while a cycle still ran are missed: they are counted and
    left out, for two cycles in a hurry are worse than one that is missing.
    """

    def __init__(self, period_s: float, clock: Clock) -> None:
        self.period_ns = round(period_s * NS_PER_S)
        self.cycles = 0
        self.misses = 0
        self.late_max_us = 0.0
        self._clock = clock
        self._late = np.zeros(BUCKETS, np.int64)
        self.restart()

    def restart(self) -> None:
        """Count deadlines from now: after a pause that was meant, such as a reconnection."""
        self._deadline_ns = self._clock.now_ns()

    def wait(self) -> int:
        """Sleep until the next deadline; returns how late this is [ns]."""
        self._deadline_ns += self.period_ns
        behind_ns = self._clock.now_ns() - self._deadline_ns
        if behind_ns > 0:
            missed = -(-behind_ns // self.period_ns)
            self.misses += missed
            self._deadline_ns += missed * self.period_ns
        self._clock.sleep_until(self._deadline_ns)
        late_ns = self._clock.now_ns() - self._deadline_ns
        self._count(late_ns)
        return late_ns

    def _count(self, late_ns: int) -> None:
        self.cycles += 1
        late_us = late_ns * 1e-3
        self.late_max_us = max(self.late_max_us, late_us)
        self._late[min(max(int(late_us / BUCKET_US), 0), BUCKETS - 1)] += 1

    def late_us(self, percent: float) -> float:
        """The lateness that so many per cent of the cycles stay below [us], to one microsecond."""
        below = np.cumsum(self._late)
        if below[-1] == 0:
            return 0.0
        bucket = int(np.searchsorted(below, percent / 100.0 * below[-1]))
        return self.late_max_us if bucket == BUCKETS - 1 else min((bucket + 1) * BUCKET_US, self.late_max_us)


class Periods:
    """How long the cycles of the last second took, from one to the next: what the arm has seen of the loop.

    `p50_us`, `p99_us` and `max_us` change once a second, so that reading them is free.
    """

    WINDOW_S = 1.0
    BUCKET_US = 10.0

    def __init__(self) -> None:
        self.p50_us = self.p99_us = self.max_us = 0.0
        self._counts = np.zeros(BUCKETS, np.int64)
        self._start_over()

    def _start_over(self) -> None:
        self._counts[:] = 0
        self._longest_s = self._total_s = 0.0

    def count(self, period_s: float) -> None:
        """Take one cycle's length [s]; what is no length, such as the nan of the first cycle, is left out."""
        if not 0.0 <= period_s < np.inf:
            return
        self._counts[min(int(period_s * 1e6 / self.BUCKET_US), BUCKETS - 1)] += 1
        self._longest_s, self._total_s = max(self._longest_s, period_s), self._total_s + period_s
        if self._total_s >= self.WINDOW_S:
            below = np.cumsum(self._counts)
            self.max_us = self._longest_s * 1e6
            self.p50_us, self.p99_us = (self._quantile_us(below, share) for share in (0.50, 0.99))
            self._start_over()

    def _quantile_us(self, below: np.ndarray, share: float) -> float:
        bucket = int(np.searchsorted(below, share * below[-1]))
        return min((bucket + 1) * self.BUCKET_US, self.max_us)
