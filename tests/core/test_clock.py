"""The rate keeper keeps a grid; the fake clock moves only on command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.clock import NS_PER_S, RateKeeper, SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.testing import FakeClock


@given(st.lists(st.floats(0, 0.35), min_size=1, max_size=50))
def test_ticks_stay_on_the_grid_whatever_the_work_takes(work_s: list[float]) -> None:
    clock = FakeClock()
    keeper = RateKeeper(10.0, clock)
    for duration_s in work_s:
        clock.advance(duration_s)
        late_s = keeper.wait()
        phase_ns = clock.now_ns() % keeper.period_ns
        assert phase_ns == round(late_s * NS_PER_S) % keeper.period_ns
    assert keeper.ticks == len(work_s)
    assert keeper.ticks + keeper.missed == clock.now_ns() // keeper.period_ns


def test_loop_in_time_runs_at_the_rate_without_drift() -> None:
    clock = FakeClock(5.0)
    keeper = RateKeeper(10.0, clock)
    for _ in range(1000):
        clock.advance(0.03)
        assert keeper.wait() == 0.0
    assert clock.now_s() == pytest.approx(105.0, abs=1e-9)
    assert keeper.missed == 0


def test_late_loop_skips_what_it_missed_and_counts_it() -> None:
    clock = FakeClock()
    keeper = RateKeeper(10.0, clock)
    clock.advance(0.37)
    assert keeper.wait() == pytest.approx(0.27)
    assert keeper.missed == 2
    keeper.wait()
    assert clock.now_s() == pytest.approx(0.4)


def test_restart_forgives_a_pause() -> None:
    clock = FakeClock()
    keeper = RateKeeper(10.0, clock)
    clock.advance(60.0)
    keeper.restart()
    assert keeper.wait() == 0.0
    assert keeper.missed == 0


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_rate_is_refused(rate_hz: float) -> None:
    with pytest.raises(ConfigError, match="rate_hz"):
        RateKeeper(rate_hz, FakeClock())


def test_clocks_do_not_run_backwards() -> None:
    clock = FakeClock(3.0)
    clock.sleep_until(0)
    assert clock.now_s() == 3.0
    system = SystemClock()
    first_ns = system.now_ns()
    system.sleep_until(first_ns + 1_000_000)
    assert system.now_ns() >= first_ns + 1_000_000
