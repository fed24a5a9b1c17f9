"""Measurements of a client of the graph: ages of samples at their use, and lateness."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

KEPT = 4096  # of each kind: seven minutes at 10 Hz


@dataclass(frozen=True)
class Spread:
    """Distribution of times [ms]; zeros without measurements."""

    count: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


@dataclass(frozen=True)
class GraphTimings:
    """One client's measurements, over its newest steps."""

    ages: dict[str, Spread] = field(default_factory=dict)
    """Per topic: from the stamp to the use of a sample."""
    action_to_state: Spread = Spread()
    """From the publishing of a target to the arrival of the first state that was stamped after it."""
    steps: int = 0
    missed: int = 0
    """Points of the step's grid that were skipped because the client was late."""
    pauses: int = 0
    """Pauses between steps longer than the configured one: a reset, an operator's stop."""
    withheld: int = 0
    """Targets that were not sent because the state had a fault."""
    late: Spread = Spread()
    """Lateness of the client on its grid."""


class Times:
    """The newest times of a kind [s]."""

    def __init__(self) -> None:
        self._values_s: deque[float] = deque(maxlen=KEPT)

    def add(self, value_s: float) -> None:
        """Add a time."""
        self._values_s.append(value_s)

    def spread(self) -> Spread:
        """Return their count, percentiles and maximum."""
        return spread(tuple(self._values_s))


class StepMeter:
    """Collector of a client's measurements."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.ages = {topic: Times() for topic in topics}
        self.effects, self.late = Times(), Times()
        self.steps = self.missed = self.pauses = self.withheld = 0

    def add_step(self, late_s: float, missed: int, ages_s: Mapping[str, float]) -> None:
        """Add a step: its lateness, skipped points, and the ages of its samples."""
        self.steps, self.missed = self.steps + 1, self.missed + missed
        self.late.add(late_s)
        for topic, age_s in ages_s.items():
            self.ages[topic].add(age_s)

    def timings(self) -> GraphTimings:
        """Return the measurements so far."""
        ages = {topic: times.spread() for topic, times in self.ages.items()}
        counts = (self.steps, self.missed, self.pauses, self.withheld)
        return GraphTimings(ages, self.effects.spread(), *counts, self.late.spread())


def spread(values_s: Iterable[float]) -> Spread:
    """Return count, percentiles and maximum of times [s].

    Example:
        >>> spread([0.001, 0.002, 0.003]).p50_ms
        2.0
    """
    values_ms = np.array(list(values_s)) * 1e3
    if not len(values_ms):
        return Spread()
    p50, p99 = np.percentile(values_ms, (50, 99))
    return Spread(len(values_ms), round(float(p50), 3), round(float(p99), 3), round(float(values_ms.max()), 3))
