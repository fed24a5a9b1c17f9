"""Timing a call many times, and the percentiles that are worth a line."""

from __future__ import annotations

import time
from collections.abc import Callable

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


def percentiles(name: str, durations_s: np.ndarray, factor: float) -> dict[str, float]:
    """Return median and 99th percentile under `NAME_p50` and `NAME_p99`; `factor` converts from seconds."""
    return {f"{name}_p{p}": round(float(np.percentile(durations_s, p)) * factor, 3) for p in (50, 99)}
