"""Events of a run's parts: deaths, restarts and freezes, in the supervisor's metrics and log."""

from collections.abc import Mapping, Sequence
from typing import Any

from robot_rl.runtime.runs.json_log import JsonLog, Level
from robot_rl.runtime.runs.kept_process import AWAKE, DEATH, FROZEN, RESTART
from robot_rl.runtime.runs.metrics import Metrics

LEVELS: dict[str, Level] = {DEATH: "error", FROZEN: "warning", RESTART: "warning", AWAKE: "info"}


class RunEvents:
    """Receiver of the supervisor's reports: a line of metrics and of the log each, with `part` and the text."""

    def __init__(self, metrics: Metrics, log: JsonLog) -> None:
        self._metrics, self._log = metrics, log

    def __call__(self, part: str, event: str, text: str) -> None:
        """Write one event."""
        self._metrics.write(event, 0, part=part, text=text)
        self._log.write(LEVELS[event], text, event=event, part=part)


def restarts(events: Sequence[Mapping[str, Any]], part: str) -> int:
    """Return how often a part was started again."""
    return sum(event["kind"] == RESTART and event.get("part") == part for event in events)


def last_death(events: Sequence[Mapping[str, Any]], part: str) -> Mapping[str, Any] | None:
    """Return the last death of a part; None where it never died."""
    deaths = (event for event in reversed(events) if event["kind"] == DEATH and event.get("part") == part)
    return next(deaths, None)
