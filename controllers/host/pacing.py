"""Absolute-deadline clock and loop timing statistics (lateness, missed cycles)."""

import ctypes
import time

import numpy as np

from controllers.clock import NS_PER_S, Clock
from controllers.host.monotonic import make_timespec, spin_until

TIMER_ABSTIME = 1
BUCKET_US = 1.0  # of the histogram of lateness
BUCKETS = 5000  # the last bin holds everything later
SPIN_US = 50.0
REST = 0.08  # of a period: Linux throttles a real-time process that runs for more than 0.95 of the time


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class PreciseClock:
    """The kernel's monotonic clock with absolute sleeps.

    Args:
        spin_us: time before a deadline at which the sleep ends and a busy wait begins [us]: punctual, at the cost of
            CPU time.
        rest_us: least sleep in each wait that is long enough, whatever `spin_us` is [us].
    """

    def __init__(self, spin_us: float = 0.0, rest_us: float = 0.0) -> None:
        self._spin_ns, self._rest_ns = round(spin_us * 1e3), round(rest_us * 1e3)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._until = _Timespec()
        self._reading = make_timespec()
        spin_until(0, self._reading)  # compile now, not at the first deadline

    def now_ns(self) -> int:
        """Now [ns]."""
        return time.monotonic_ns()

    def now_s(self) -> float:
        """Return the present moment [s]."""
        return time.monotonic_ns() / NS_PER_S

    def sleep_until(self, deadline_ns: int) -> None:
        """Sleep, then spin; a signal does not end the wait."""
        wake_ns = deadline_ns - self._spin_ns
        if self._rest_ns:
            wake_ns = max(wake_ns, min(time.monotonic_ns() + self._rest_ns, deadline_ns))
        until = self._until
        until.seconds, until.nanoseconds = divmod(wake_ns, NS_PER_S)
        while time.monotonic_ns() < wake_ns:
            self._libc.clock_nanosleep(time.CLOCK_MONOTONIC, TIMER_ABSTIME, ctypes.byref(until), None)
        spin_until(deadline_ns, self._reading)


def pacing_clock(period_s: float, own_core: bool) -> PreciseClock:
    """Return the clock for a loop of this period [s].

    `own_core`: no other thread needs the core, so the clock spins. A sleeping thread waits to be woken behind any
    system call that another process has begun: up to a millisecond on a kernel that does not preempt system calls.
    """
    return PreciseClock(period_s * 1e6, REST * period_s * 1e6) if own_core else PreciseClock(SPIN_US)


class Pacer:
    """Deadlines at a fixed period, counted from the first: a late cycle does not shift later ones.

    `wait` returns at the next deadline. Missed deadlines are counted and skipped, not caught up.
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
        """Restart the deadlines now, after an intentional pause such as a reconnection."""
        self._deadline_ns = self._clock.now_ns()

    def rest(self) -> None:
        """Sleep for a period outside the deadlines."""
        self._clock.sleep_until(self._clock.now_ns() + self.period_ns)

    def wait(self) -> int:
        """Sleep until the next deadline and return the lateness [ns]."""
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
        """Return the percentile of the lateness [us], to one microsecond."""
        below = np.cumsum(self._late)
        if below[-1] == 0:
            return 0.0
        bucket = int(np.searchsorted(below, percent / 100.0 * below[-1]))
        return self.late_max_us if bucket == BUCKETS - 1 else min((bucket + 1) * BUCKET_US, self.late_max_us)


class Periods:
    """Cycle times of the last second, from start to start, as the arm experiences them.

    `p50_us`, `p99_us` and `max_us` change once a second, so that reading them costs nothing.
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
        """Add one cycle's length [s]; nan, as of the first cycle, is ignored."""
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
