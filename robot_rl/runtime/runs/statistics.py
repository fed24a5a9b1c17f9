"""Statistics of a policy: success rate with its interval, and a robust mean across episodes."""

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


def iqm(values: np.ndarray) -> float:
    """Return the interquartile mean: the mean of the middle half, of all values together; NaN without values.

    Source: Agarwal et al. 2021 (rliable).
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    cut = len(ordered) // 4  # a quarter is rounded down
    return float(ordered[cut : len(ordered) - cut].mean()) if ordered.size else math.nan
