"""Events of a run's parts: deaths, restarts and freezes, in the supervisor's metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

from robot_rl.runtime.runs.kept_process import DEATH, RESTART
from robot_rl.runtime.runs.metrics import Metrics


class RunEvents:
    """Receiver of the supervisor's reports, one line of metrics each: `part` and `text`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, part: str, event: str, text: str) -> None:
        """Write one event."""
        self._metrics.write(event, 0, part=part, text=text)


def restarts(events: Sequence[Mapping[str, Any]], part: str) -> int:
    """Return how often a part was started again."""
    return sum(event["kind"] == RESTART and event.get("part") == part for event in events)


def last_death(events: Sequence[Mapping[str, Any]], part: str) -> Mapping[str, Any] | None:
    """Return the last death of a part; None where it never died."""
    deaths = (event for event in reversed(events) if event["kind"] == DEATH and event.get("part") == part)
    return next(deaths, None)
