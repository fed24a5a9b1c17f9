"""Statistics against scipy's, and their edges."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu, trim_mean

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.statistics import (
    bootstrap_interval,
    improvement_probabilities,
    interquartile_means,
    iqm,
    row_bound,
    wilson_interval,
)

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_interval_is_scipys(count: tuple[int, int], confidence: float) -> None:
    successes, trials = count
    oracle = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(successes, trials, confidence)
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert 0.0 <= low <= successes / trials <= high <= 1.0


@given(st.integers(0, 2000), st.sampled_from([0.8, 0.95, 0.99]))
def test_bound_of_a_row_is_clopper_pearsons_one_sided_one(successes: int, confidence: float) -> None:
    oracle = binomtest(successes, successes, alternative="greater") if successes else None
    low = oracle.proportion_ci(confidence, method="exact").low if oracle else 0.0
    assert row_bound(successes, confidence) == pytest.approx(low, abs=1e-9)


def test_bound_of_a_row_covers_the_rate_however_the_row_ends() -> None:
    rng, rate, bound = np.random.default_rng(0), 0.97, 100
    rows = np.minimum(rng.geometric(1.0 - rate, 20_000) - 1, bound)
    assert 0.945 < np.mean([row_bound(int(row)) <= rate for row in rows]) <= 1.0


def test_row_without_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="successes: got -1"):
        row_bound(-1)


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


scores = st.lists(st.sampled_from([0.1, 0.4, 0.5, 0.9, 1.0]), min_size=1, max_size=9).map(np.array)


@given(scores, scores)
def test_probability_of_improvement_is_mann_whitneys(x: np.ndarray, y: np.ndarray) -> None:
    oracle = mannwhitneyu(x, y, method="asymptotic", use_continuity=False).statistic / (len(x) * len(y))
    assert improvement_probabilities(x, y) == pytest.approx(oracle)
    assert improvement_probabilities(x, y) + improvement_probabilities(y, x) == pytest.approx(1.0)
    assert improvement_probabilities(x, x) == 0.5


def test_probability_of_improvement_counts_equal_scores_half() -> None:
    # 0.9 wins both; 0.5 wins one and equals the other: (1 + 1 + 1 + 0.5) / 4.
    assert improvement_probabilities(np.array([0.9, 0.5]), np.array([0.5, 0.2])) == 0.875


@pytest.mark.parametrize("statistic", [lambda drawn: drawn.mean(axis=-1), interquartile_means])
def test_bootstrap_interval_is_that_of_all_resamples(statistic: object) -> None:
    sample = np.array([0.62, 0.71, 0.93, 0.99, 1.0])
    everything = statistic(np.array(list(product(sample, repeat=5))))  # type: ignore[operator]
    interval = bootstrap_interval([sample], statistic, np.random.default_rng(0))  # type: ignore[arg-type]
    assert interval == pytest.approx(tuple(np.quantile(everything, [0.025, 0.975])), abs=0.005)


def test_strata_are_resampled_apart_and_each_to_its_size() -> None:
    low, high = np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.8])
    rng = np.random.default_rng(0)
    assert bootstrap_interval([high, low], improvement_probabilities, rng) == (1.0, 1.0)


def test_one_score_has_no_interval() -> None:
    one, two = np.array([0.5]), np.array([0.5, 0.6])
    assert bootstrap_interval([one], interquartile_means, np.random.default_rng(0)) is None
    assert bootstrap_interval([two, one], improvement_probabilities, np.random.default_rng(0)) is None


@given(st.permutations([0.2, 0.5, 0.55, 0.9]))
def test_bootstrap_interval_ignores_the_order(order: list[float]) -> None:
    intervals = {
        bootstrap_interval([np.array(sample)], interquartile_means, np.random.default_rng(0), resamples=500)
        for sample in (order, sorted(order))
    }
    assert len(intervals) == 1
