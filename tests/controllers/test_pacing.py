"""Deadlines are absolute, late ones are counted and left out."""

import time

import numpy as np
import pytest

from controllers.pacing import NS_PER_S, Pacer, PreciseClock
from robot_rl.core.clock import FakeClock

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


@pytest.mark.parametrize("spin_us", [0.0, 100.0])
def test_the_precise_clock_never_wakes_early(spin_us):
    clock = PreciseClock(spin_us)
    for _ in range(5):
        deadline = time.monotonic_ns() + 300_000
        clock.sleep_until(deadline)
        assert clock.now_ns() >= deadline
    clock.sleep_until(0)
