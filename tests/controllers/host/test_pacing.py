"""Deadlines are absolute, late ones are counted and left out."""

import time

import numpy as np
import pytest

from controllers.host.pacing import NS_PER_S, Pacer, Periods, PreciseClock, pacing_clock
from robot_rl.testing import FakeClock

MS = NS_PER_S // 1000


class LateClock(FakeClock):
    """Wakes up so much later than asked [ns]."""

    late_ns = 0

    def sleep_until(self, deadline_ns):
        super().sleep_until(deadline_ns + self.late_ns)


def test_a_late_cycle_does_not_shift_the_next_deadline():
    clock = LateClock()
    pacer = Pacer(0.001, clock)
    clock.late_ns = MS // 4
    assert pacer.wait() == MS // 4
    clock.late_ns = 0
    assert pacer.wait() == 0
    assert clock.now_ns() == 2 * MS and pacer.misses == 0 and pacer.late_max_us == 250.0


def test_deadlines_that_passed_during_a_cycle_are_missed_and_left_out():
    clock = LateClock()
    pacer = Pacer(0.001, clock)
    pacer.wait()
    clock.advance(0.0035)
    pacer.wait()
    assert pacer.misses == 3 and clock.now_ns() == 5 * MS


def test_a_cycle_that_ends_on_its_deadline_is_no_miss():
    clock = LateClock()
    pacer = Pacer(0.001, clock)
    for _ in range(5):
        clock.advance(0.001)
        pacer.wait()
    assert pacer.misses == 0


def test_a_restart_forgets_a_pause_that_was_meant():
    clock = LateClock()
    pacer = Pacer(0.001, clock)
    clock.advance(3.0)
    pacer.restart()
    pacer.wait()
    assert pacer.misses == 0


def test_percentiles_of_lateness_are_exact_to_a_microsecond():
    clock, late_us = LateClock(), np.r_[np.arange(100), 900.0]
    pacer = Pacer(0.001, clock)
    for late in late_us:
        clock.late_ns = round(late * 1e3)
        pacer.wait()
    for percent in (50, 99, 99.9):
        assert pacer.late_us(percent) == pytest.approx(np.percentile(late_us, percent, method="inverted_cdf"), abs=1.01)
    assert Pacer(0.001, clock).late_us(99) == 0.0


@pytest.mark.parametrize(("spin_us", "rest_us"), [(0.0, 0.0), (100.0, 0.0), (1000.0, 80.0), (0.0, 1000.0)])
def test_the_precise_clock_never_wakes_early(spin_us, rest_us):
    clock = PreciseClock(spin_us, rest_us)
    for _ in range(5):
        deadline = time.monotonic_ns() + 300_000
        clock.sleep_until(deadline)
        assert clock.now_ns() >= deadline
    clock.sleep_until(0)


def test_a_loop_with_a_core_of_its_own_waits_awake_but_for_the_rest_that_linux_demands():
    deadlines, period_s = 20, 0.005
    clock, start_s = pacing_clock(period_s, own_core=True), time.thread_time()
    first = time.monotonic_ns()
    for number in range(deadlines):
        clock.sleep_until(first + (number + 1) * 5 * MS)
    awake = (time.thread_time() - start_s) / (deadlines * period_s)
    assert 0.05 < awake < 0.95  # a busy machine may take from it, never add


def test_periods_of_the_last_second_have_the_quantiles_of_a_sort():
    periods, rng = Periods(), np.random.default_rng(0)
    lengths_s = rng.uniform(0.0008, 0.0012, 1000)
    lengths_s[500] = 0.02
    lengths_s = lengths_s[: int(np.searchsorted(np.cumsum(lengths_s), 1.0)) + 1]
    for length_s in lengths_s:
        periods.count(length_s)
    assert periods.p50_us == pytest.approx(np.percentile(lengths_s, 50) * 1e6, abs=11.0)
    assert periods.p99_us == pytest.approx(np.percentile(lengths_s, 99) * 1e6, abs=11.0)
    assert periods.max_us == pytest.approx(20_000.0)


def test_a_bad_second_is_forgotten_after_the_next_and_what_is_no_length_is_left_out():
    periods = Periods()
    for length_s in [0.5, 0.5, np.nan, np.inf, -1.0, *[0.001] * 1001]:
        periods.count(length_s)
    assert periods.max_us == pytest.approx(1000.0) and periods.p99_us <= 1010.0
