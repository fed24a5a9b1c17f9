"""Timing of repeated calls, and their percentiles."""

import time
from collections.abc import Callable, Sequence

import numpy as np


def time_calls(call: Callable[[], object], calls: int, warm_up: int = 3) -> np.ndarray:
    """Return the durations of `calls` calls [s], (calls,), after `warm_up` calls that do not count."""
    for _ in range(warm_up):
        call()
    durations_s = np.empty(calls)
    for i in range(calls):
        start_ns = time.perf_counter_ns()
        call()
        durations_s[i] = (time.perf_counter_ns() - start_ns) * 1e-9
    return durations_s


def percentiles(
    name: str, durations_s: np.ndarray, factor: float, points: Sequence[float] = (50, 99)
) -> dict[str, float]:
    """Return percentiles under `NAME_p50`, `NAME_p99`, `NAME_p999` for 99.9; `factor` converts from seconds."""
    values = np.percentile(durations_s, points) * factor
    names = [f"{name}_p{point:g}".replace(".", "") for point in points]
    return {key: round(float(value), 3) for key, value in zip(names, values, strict=True)}
