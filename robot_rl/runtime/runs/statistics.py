"""Statistics of policies and methods: success rate, robust mean, intervals over seeds, probability of improvement."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from robot_rl.core.errors import ConfigError


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate.

        (p + z^2 / 2n  ±  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    Without trials the interval is (0, 1).

    Source: Wilson 1927; Brown, Cai, DasGupta 2001 recommend it for small n and p near 0 or 1.

    Raises:
        ConfigError: counts or confidence out of range.

    Example:
        >>> low, high = wilson_interval(97, 100)
        >>> f"{low:.3f} {high:.3f}"
        '0.915 0.990'
    """
    if not 0 <= successes <= trials:
        raise ConfigError(f"successes: got {successes} of {trials} trials, expected 0 <= successes <= trials.")
    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"confidence: got {confidence}, expected between 0 and 1; 0.95 is usual.")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, shrink = successes / trials, z * z / trials
    half = z * math.sqrt(p * (1 - p) / trials + shrink / (4 * trials))
    # At 0 and n successes the bounds are exactly 0 and 1; rounding must not move them.
    low = 0.0 if successes == 0 else (p + shrink / 2 - half) / (1 + shrink)
    high = 1.0 if successes == trials else (p + shrink / 2 + half) / (1 + shrink)
    return low, high


def row_bound(successes: int, confidence: float = 0.95) -> float:
    """Return the one-sided lower bound of a success rate after so many successes in a row, whatever came then.

        p^n = 1 - confidence:   with a lower rate, so many in a row are rarer than that

    It is exact: the row ends at a failure or at a bound that was set before. Without a success it is 0.

    Source: Clopper and Pearson 1934, for n successes of n.

    Raises:
        ConfigError: a negative count, or a confidence out of range.

    Example:
        >>> f"{row_bound(59):.3f} {row_bound(250):.3f}"
        '0.950 0.988'
    """
    if successes < 0 or not 0.0 < confidence < 1.0:
        raise ConfigError(f"successes: got {successes} at confidence {confidence}, expected 0 or more and 0 to 1.")
    return (1.0 - confidence) ** (1.0 / successes) if successes else 0.0


def iqm(values: np.ndarray) -> float:
    """Return the interquartile mean: the mean of the middle half, of all values together; NaN without values.

    Source: Agarwal et al. 2021 (rliable).
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    return float(interquartile_means(flat)) if flat.size else math.nan


def interquartile_means(values: np.ndarray) -> np.ndarray:
    """Return the interquartile mean along the last axis.

    Shapes: (..., N) -> (...).
    """
    ordered = np.sort(values, axis=-1)
    cut = ordered.shape[-1] // 4  # a quarter is rounded down
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1))


def improvement_probabilities(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the probability that a run of X scores higher than one of Y; equal scores count half.

        P(X > Y) = 1 / NM sum_ij S(x_i, y_j),   S = 1, 1/2, 0 where x_i is above, equal to, below y_j

    Shapes: (..., N), (..., M) -> (...).
    Source: Agarwal et al. 2021, section 4.3; the Mann-Whitney U statistic over NM.
    """
    return np.asarray((0.5 + 0.5 * np.sign(x[..., :, None] - y[..., None, :])).mean(axis=(-2, -1)))


def bootstrap_interval(
    strata: Sequence[np.ndarray],
    statistic: Callable[..., np.ndarray],
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 20_000,
) -> tuple[float, float] | None:
    """Return the stratified bootstrap's percentile interval; None where a stratum has fewer than two scores.

    Each stratum is resampled on its own, with replacement, to its own size; the interval holds the middle `confidence`
    of the statistic over all resamples. The order of the scores does not matter.

    Args:
        strata: scores of independent runs, (N,) each: a method on one task.
        statistic: of the resampled strata, (resamples, N) each, along their last axis.

    Source: Agarwal et al. 2021, section 4.1; Efron 1979.
    """
    if min(len(scores) for scores in strata) < 2:
        return None
    drawn = [np.sort(scores)[rng.integers(len(scores), size=(resamples, len(scores)))] for scores in strata]
    low, high = np.quantile(statistic(*drawn), [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
