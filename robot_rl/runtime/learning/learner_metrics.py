"""Rates and times of the learner's loop, written at a fixed interval."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from robot_rl.core.clock import Clock
from robot_rl.runtime.runs.metrics import Metrics


class LearnerMetrics:
    """Averages since the last line of metrics.

    The backend's own metrics are turned into numbers only when a line is written: reading them may wait for the device.
    """

    def __init__(self, metrics: Metrics, clock: Clock, every_s: float) -> None:
        self._metrics, self._clock, self._every_s = metrics, clock, every_s
        self.latest: Mapping[str, Any] = {}  # the backend's metrics of the last call
        self.begin(0)

    def begin(self, updates: int) -> None:
        """Start counting."""
        self._updates, self._since_s = updates, self._clock.now_s()
        self._spent_s: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the duration of the block to the time of a name."""
        start_s = self._clock.now_s()
        yield
        self._spent_s[name] = self._spent_s.get(name, 0.0) + self._clock.now_s() - start_s

    def write_if_due(self, updates: int, status: Callable[[], Mapping[str, Any]]) -> None:
        """Write a line when the last one is old enough."""
        if self._clock.now_s() - self._since_s >= self._every_s:
            self.write(updates, status())

    def write(self, updates: int, status: Mapping[str, Any]) -> None:
        """Write a line and begin the next."""
        elapsed_s = max(self._clock.now_s() - self._since_s, 1e-9)
        made = updates - self._updates
        times = {f"{name}_ms": 1000 * spent_s / max(made, 1) for name, spent_s in self._spent_s.items()}
        learnt = {name: float(value) for name, value in self.latest.items()}
        rates = {"updates": updates, "updates_per_s": made / elapsed_s}
        self._metrics.write("update", updates, **{**learnt, **times, **rates, **status})
        self.begin(updates)
