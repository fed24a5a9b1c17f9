"""The live view of a training: metrics files, drawn with rich."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from robot_rl.runtime.runs.history import EVALUATION, History, by_step
from robot_rl.runtime.runs.metrics import METRICS_FILE, MetricsTail
from robot_rl.runtime.runs.run_metrics import WIRE_LOSSES, RunData, live_rows, success_rate

DISK_LOW_MB = 2000.0
"""Space on a disk below which it is shown [MB]."""


@dataclass(frozen=True)
class Budget:
    """Limits of a training session; None: no such limit. Earlier sessions of the run do not count."""

    minutes: float | None = None
    env_steps: int | None = None
    earlier_steps: int = 0
    """Environment steps of earlier sessions."""

    def fraction(self, minutes: float, env_steps: int) -> float:
        """Return the share of the budget that is used, 0 to 1, by the nearer limit.

        Args:
            minutes: of this session.
            env_steps: of the whole run.
        """
        used = [minutes / self.minutes] if self.minutes else []
        used += [(env_steps - self.earlier_steps) / self.env_steps] if self.env_steps else []
        return min(1.0, max(used, default=0.0))

    def spent(self, minutes: float, env_steps: int) -> bool:
        """Return whether a limit is reached."""
        return self.fraction(minutes, env_steps) >= 1.0


@dataclass
class Progress:
    """A training so far, from its events in the order in which they are read."""

    events: list[Mapping[str, Any]] = field(default_factory=list)
    """Of the episodes."""
    env_steps: int = 0
    actors: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the latest episode event of each
    update: Mapping[str, Any] = field(default_factory=dict)  # the learner's latest update event
    evaluations: list[Mapping[str, Any]] = field(default_factory=list)  # of the policies that were kept

    def add(self, source: str, event: Mapping[str, Any]) -> None:
        """Add one event; `source` is the name of the folder that it came from."""
        if event["kind"] == "episode":
            self.events.append(event)
            self.actors[source] = event
            self.env_steps += int(event.get("steps") or 0)
        elif event["kind"] == "update":
            self.update = event
        elif event["kind"] == EVALUATION:
            self.evaluations = by_step([*self.evaluations, event])

    @property
    def episodes(self) -> int:
        """Episodes that ended."""
        return len(self.events)

    def success(self, window: int) -> float | None:
        """Return the success rate of the last `window` episodes; None before the first."""
        return success_rate(History(self.events[-window:]).success, window)

    def data(self, minutes: float) -> RunData:
        """Return what the metrics of the run are computed from."""
        return RunData(History(self.events, [self.update] if self.update else [], self.evaluations), minutes)

    def actors_total(self, name: str) -> float:
        """Return the sum over the actors of a number in their latest episode events."""
        return sum(float(event.get(name) or 0.0) for event in self.actors.values())

    def actors_worst(self, name: str) -> float:
        """Return the largest over the actors of a number in their latest episode events."""
        return max((float(event.get(name) or 0.0) for event in self.actors.values()), default=0.0)


class ProgressReader:
    """Follows the metrics files of a run's folders."""

    def __init__(self, folders: list[Path]) -> None:
        self.progress = Progress()
        self._tails = {folder.name: MetricsTail(folder / METRICS_FILE) for folder in folders}

    def read(self) -> Progress:
        """Fold what was added since the last call and return the state."""
        for source, tail in self._tails.items():
            for event in tail.read():
                self.progress.add(source, event)
        return self.progress


def draw(progress: Progress, minutes: float, budget: Budget, title: str) -> RenderableType:
    """Return the view of one moment."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows(progress, minutes, budget):
        table.add_row(Text(name, style="dim"), value)
    bar = ProgressBar(total=1.0, completed=budget.fraction(minutes, progress.env_steps))
    hint = Text("Ctrl-C stops cleanly and keeps the checkpoint.", style="dim")
    return Panel(Group(table, bar, hint), title=title, expand=False)


def rows(progress: Progress, minutes: float, budget: Budget) -> list[tuple[str, str]]:
    """Return the lines of the view: name and value."""
    update = progress.update
    return [
        ("time", f"{minutes:.1f} min" + (f" of {budget.minutes:g}" if budget.minutes else "")),
        ("phase", _phase(progress)),
        *live_rows(progress.data(minutes)),
        ("rates", f"{progress.actors_total('steps_per_s'):.1f} steps/s   {_number(update, 'updates_per_s')} updates/s"),
        ("updates", f"{_number(update, 'updates', 0)} on {_number(update, 'transitions', 0)} transitions"),
        ("weights", f"{progress.actors_worst('weights_age_s'):.1f} s old" if progress.actors else "-"),
        ("backlog", f"{progress.actors_total('backlog'):.0f} records not yet acknowledged"),
        *_wire_rows(progress),
        *_loop_rows(progress),
    ]


def _phase(progress: Progress) -> str:
    """Return what the processes are doing: the first minute passes without an episode."""
    if not progress.actors and progress.update:
        return "learning from the demonstrations, before the first episode"
    if not progress.actors:
        return "starting: the actors load their parts and wait for the first weights"
    return "learning" if progress.update else "acting: the learner compiles its updates or has too few transitions"


def _wire_rows(progress: Progress) -> list[tuple[str, str]]:
    """Return what was lost or refused on the wire, and a disk that is nearly full; nothing while all is well."""
    lost = {name: int(progress.update.get(key) or 0) for key, name in WIRE_LOSSES.items()}
    lost["dropped by full disks of actors"] = int(progress.actors_total("dropped"))
    text = ", ".join(f"{count} {name}" for name, count in lost.items() if count)
    events = [progress.update, *progress.actors.values()]
    left_mb = min((float(event["disk_left_mb"]) for event in events if "disk_left_mb" in event), default=math.inf)
    rows = [("wire", text)] if text else []
    return [*rows, ("disk", f"{left_mb:.0f} MB left")] if left_mb < DISK_LOW_MB else rows


def _loop_rows(progress: Progress) -> list[tuple[str, str]]:
    """Return the timing of the loop over the graph in the last episodes; nothing in the simulator's own time."""
    if not any("act_to_obs_ms_p50" in event for event in progress.actors.values()):
        return []
    p50, p99 = (progress.actors_worst(f"act_to_obs_ms_{percent}") for percent in ("p50", "p99"))
    ages = (progress.actors_worst(f"{name}_ms_p99") for name in ("state_age", "image_age", "skew"))
    texts = (f"{name} {age:.0f}" for name, age in zip(("state", "image", "skew"), ages, strict=True))
    missed = progress.actors_total("missed")
    return [
        ("loop", f"{p50:.0f} ms from action to observation (p99 {p99:.0f}), {missed:.0f} steps late"),
        ("ages", f"p99 in ms: {', '.join(texts)}"),
    ]


def line(progress: Progress, minutes: float, budget: Budget) -> str:
    """Return the view as one line, for output without a terminal."""
    return "   ".join(f"{name} {value}" for name, value in rows(progress, minutes, budget) if name != "weights")


def _number(event: Mapping[str, Any], name: str, digits: int = 1) -> str:
    value = event.get(name)
    return "-" if value is None else f"{float(value):.{digits}f}"
