"""Waiting for what real threads and processes do; what a fake clock can tell needs no waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], limit_s: float = 40.0) -> Any:
    """Wait until something happens; its value. Fails when it does not happen."""
    end_s = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.01)
    return value
