"""Waiting for real threads and processes; tests of times use a fake clock instead."""

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], limit_s: float = 40.0) -> Any:
    """Return the condition's first true value.

    Raises:
        AssertionError: it stays false for `limit_s`.
    """
    end_s = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.01)
    return value
