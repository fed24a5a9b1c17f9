"""Benchmarks count what they should, and are found by name."""

import numpy as np
import pytest

from robot_rl.bench import BENCHMARKS, run_benchmark
from robot_rl.bench.timing import percentiles, time_calls
from robot_rl.core.errors import UnknownNameError


def test_warm_up_calls_do_not_count() -> None:
    calls: list[int] = []
    durations_s = time_calls(lambda: calls.append(1), calls=5, warm_up=2)
    assert len(calls) == 7 and durations_s.shape == (5,) and (durations_s >= 0).all()


def test_percentiles_are_named_and_converted() -> None:
    assert percentiles("tick_us", time_calls(lambda: None, 1) * 0 + 2e-6, 1e6) == {"tick_us_p50": 2, "tick_us_p99": 2}


def test_a_fraction_of_a_percent_stands_in_the_name_without_its_point() -> None:
    metrics = percentiles("tick_us", np.arange(1001) * 1e-6, 1e6, (50, 99.9))
    assert metrics == pytest.approx({"tick_us_p50": 500.0, "tick_us_p999": 999.0})


def test_unknown_benchmark_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'learner'"):
        run_benchmark("lerner")
    assert "env" in BENCHMARKS
