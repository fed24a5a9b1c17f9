"""Sequence lock: one writer and any readers share words of memory without waiting for each other."""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from controllers.compilation import compiled

TRIES = 100  # a write takes less than a microsecond


@intrinsic  # type: ignore[untyped-decorator]
def _fence(typing_context: Any) -> Any:
    """Memory fence: neither compiler nor processor moves a load or store across."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@compiled
def publish(sequence: np.ndarray, slot: np.ndarray, values: np.ndarray) -> None:
    """Write `values` (int64) into a slot. The number is odd already after a writer that died during a write."""
    sequence[0] = sequence[0] | 1
    _fence()
    for i in range(values.shape[0]):
        slot[i] = values[i]
    _fence()
    sequence[0] = sequence[0] + 1


@compiled
def fetch(sequence: np.ndarray, slot: np.ndarray, seen: int, values: np.ndarray) -> int:
    """Copy a slot into `values` when it is newer than `seen`; return the sequence number of `values`."""
    for _ in range(TRIES):
        before = sequence[0]
        if before == seen:
            return seen
        if before % 2 == 0:
            _fence()
            for i in range(values.shape[0]):
                values[i] = slot[i]
            _fence()
            if sequence[0] == before:
                return before
    return seen
