"""Totals of a run over all lives of its processes: a counter begins at 0 again with each start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_rl.runtime.acting.actor_config import END, START
from robot_rl.runtime.runs.history import in_order
from robot_rl.runtime.runs.metrics import METRICS_FILE, MetricsTail
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import WIRE_LOSSES

REFUSED = "wire_refused"
LOSSES = {key: text for key, text in WIRE_LOSSES.items() if key != REFUSED} | {
    "dropped": "dropped by full disks of actors",
    "spool_lost": "lost by damaged spools",
}
"""Counter -> its meaning."""
PRESENT = {"journal_lost", "spool_lost"}
"""Counts of what a store lacks now, over all lives."""
COUNTERS = (*LOSSES, REFUSED, "wire_records", "wire_duplicates")


class RunTotals:
    """Reader of a run's metrics: episodes, newest events, counters summed over the lives of each process."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._tails: dict[str, MetricsTail] = {}
        self._totals: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}
        self._episodes: dict[str, list[Mapping[str, Any]]] = {}
        self.episodes: list[Mapping[str, Any]] = []
        self.events: list[Mapping[str, Any]] = []
        """Of the supervisor."""
        self.latest: dict[str, Mapping[str, Any]] = {}
        """Newest values of each folder's episodes or updates."""
        self.seen_s: dict[str, float] = {}
        """Unix time of the newest line of each folder."""

    def read(self) -> None:
        """Read what was added since the last call."""
        self.events += self._added("", self._folder.root)
        for path in (self._folder.learner, *self._folder.actors()):
            for event in self._added(path.name, path):
                self._add(path.name, event)
        self.episodes = in_order(self._episodes.values())

    def total(self, counter: str, source: str | None = None) -> int:
        """Return a counter's total of one folder, or of all."""
        return sum(count for (name, key), count in self._totals.items() if key == counter and source in (None, name))

    def of_actor(self, name: str) -> list[Mapping[str, Any]]:
        """Return the episodes of one actor."""
        return self._episodes.get(name, [])

    def _added(self, name: str, path: Path) -> list[dict[str, Any]]:
        return self._tails.setdefault(name, MetricsTail(path / METRICS_FILE)).read()

    def _add(self, source: str, event: Mapping[str, Any]) -> None:
        self.seen_s[source] = float(event.get("wall_s") or 0.0)
        if event["kind"] == START:
            self._before = {place: 0 if place[0] == source else count for place, count in self._before.items()}
        elif event["kind"] in ("episode", "update", END):
            self.latest[source] = {**self.latest.get(source, {}), **event}
            if event["kind"] == "episode":
                self._episodes.setdefault(source, []).append(event)
            for counter in COUNTERS:
                if event.get(counter) is not None:
                    self._count((source, counter), int(event[counter]))

    def _count(self, place: tuple[str, str], value: int) -> None:
        before = self._before.get(place, 0)
        self._before[place] = value
        if place[1] in PRESENT:
            self._totals[place] = value
        else:
            self._totals[place] = self._totals.get(place, 0) + (value - before if value >= before else value)
