"""Statistics against scipy's, and their edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, trim_mean

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.statistics import iqm, wilson_interval

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_interval_is_scipys(count: tuple[int, int], confidence: float) -> None:
    successes, trials = count
    oracle = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(successes, trials, confidence)
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert 0.0 <= low <= successes / trials <= high <= 1.0


def test_without_trials_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_counts_out_of_range_are_refused() -> None:
    for successes, trials in ((-1, 3), (4, 3)):
        with pytest.raises(ConfigError, match="expected 0 <= successes <= trials"):
            wilson_interval(successes, trials)
    with pytest.raises(ConfigError, match="confidence: got 95"):
        wilson_interval(1, 2, confidence=95)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_interquartile_mean_is_scipys(values: list[float]) -> None:
    assert iqm(np.array(values)) == pytest.approx(trim_mean(values, 0.25), rel=1e-9, abs=1e-6)


def test_interquartile_mean_of_nothing_is_not_a_number() -> None:
    assert math.isnan(iqm(np.array([])))
