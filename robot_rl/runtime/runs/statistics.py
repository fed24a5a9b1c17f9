"""Statistics of a policy: success rate with its interval, and robust means across episodes and seeds."""

from __future__ import annotations

import math
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
    _check_confidence(confidence)
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, shrink = successes / trials, z * z / trials
    half = z * math.sqrt(p * (1 - p) / trials + shrink / (4 * trials))
    # At 0 and n successes the bounds are exactly 0 and 1; rounding must not move them.
    low = 0.0 if successes == 0 else (p + shrink / 2 - half) / (1 + shrink)
    high = 1.0 if successes == trials else (p + shrink / 2 + half) / (1 + shrink)
    return low, high


def iqm(values: np.ndarray) -> float:
    """Return the interquartile mean: the mean of the middle half, of all values together; NaN without values.

    Source: Agarwal et al. 2021 (rliable).
    """
    flat = np.asarray(values, dtype=np.float64).reshape(1, -1)
    return float(_middle_mean(flat)[0]) if flat.size else math.nan


def iqm_interval(
    scores: np.ndarray, rng: np.random.Generator, confidence: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Return the stratified bootstrap interval of the IQM: runs are resampled within each task.

    Source: Agarwal et al. 2021 (rliable).

    Shapes: scores (runs, tasks).

    Raises:
        ConfigError: scores of another shape, or none.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise ConfigError(f"scores: got shape {scores.shape}, expected (runs, tasks) with entries; reshape them.")
    _check_confidence(confidence)
    rows = rng.integers(0, len(scores), (draws, *scores.shape))
    drawn = np.take_along_axis(scores[None], rows, axis=1).reshape(draws, -1)
    low, high = np.quantile(_middle_mean(drawn), [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def _middle_mean(rows: np.ndarray) -> np.ndarray:
    """Return the mean of the middle half of each row, (R, n) -> (R,); a quarter is rounded down."""
    cut = rows.shape[1] // 4
    return np.asarray(np.sort(rows, axis=1)[:, cut : rows.shape[1] - cut].mean(axis=1))


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ConfigError(f"confidence: got {confidence}, expected between 0 and 1; 0.95 is usual.")
