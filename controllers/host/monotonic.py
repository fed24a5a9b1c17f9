"""Monotonic clock for compiled code; the same clock as Python's `time.monotonic_ns`."""

import time

import numpy as np
from numba import types

from controllers.compilation import compiled, unlocked

CLOCK_ID = time.CLOCK_MONOTONIC
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.intp))


def make_timespec() -> np.ndarray:
    """Return scratch memory for one reading: (2,) int64, seconds and nanoseconds."""
    return np.zeros(2, np.int64)


@compiled
def monotonic_ns(timespec: np.ndarray) -> int:
    """Return the time [ns]. Allocates nothing: the kernel writes into `timespec`, made by `make_timespec`."""
    _clock_gettime(CLOCK_ID, timespec.ctypes.data)
    return timespec[0] * 1_000_000_000 + timespec[1]


@unlocked
def spin_until(deadline_ns: int, timespec: np.ndarray) -> None:
    """Spin until `deadline_ns`; other threads of this process run meanwhile."""
    while monotonic_ns(timespec) < deadline_ns:
        pass
