"""Live view of a training: the metrics files, folded into a few numbers and drawn with rich."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from robot_rl.runtime.runs.metrics import METRICS_FILE, MetricsTail

SHORT, LONG = 20, 50
"""Episodes of the two success rates."""
KEPT = 1000
"""Episodes kept: the longest window of an early stop."""


@dataclass(frozen=True)
class Budget:
    """Limits of a training session; None: no such limit. Earlier sessions of the run do not count."""

    minutes: float | None = None
    env_steps: int | None = None
    earlier_steps: int = 0
    """Environment steps of earlier sessions."""

    @property
    def last_step(self) -> int | None:
        """The run's number of environment steps at which this session ends."""
        return None if self.env_steps is None else self.earlier_steps + self.env_steps

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
    """Numbers of a training so far, folded from its events in the order in which they are read."""

    env_steps: int = 0
    episodes: int = 0
    human_steps: int = 0
    interventions: int = 0
    faults: int = 0
    successes: deque[bool] = field(default_factory=lambda: deque(maxlen=KEPT))
    greedy_successes: deque[bool] = field(default_factory=lambda: deque(maxlen=SHORT))  # without exploration
    recent_steps: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=SHORT))  # (steps, human_steps)
    actors: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the latest episode event of each
    update: Mapping[str, Any] = field(default_factory=dict)  # the learner's latest update event

    def add(self, source: str, event: Mapping[str, Any]) -> None:
        """Fold one event; `source` is the name of the folder that it came from."""
        if event["kind"] == "episode":
            self._add_episode(source, event)
        elif event["kind"] == "update":
            self.update = event

    def _add_episode(self, source: str, event: Mapping[str, Any]) -> None:
        steps, human_steps = int(event.get("steps") or 0), int(event.get("human_steps") or 0)
        self.env_steps += steps
        self.episodes += 1
        self.human_steps += human_steps
        self.interventions += int(event.get("interventions") or 0)
        self.faults += bool(event.get("fault"))
        self.successes.append(bool(event.get("success")))
        if event.get("greedy"):
            self.greedy_successes.append(bool(event.get("success")))
        self.recent_steps.append((steps, human_steps))
        self.actors[source] = event

    def success(self, window: int) -> float | None:
        """Return the success rate of the last `window` episodes; None before the first."""
        last = list(self.successes)[-window:]
        return sum(last) / len(last) if last else None

    @property
    def greedy_success(self) -> float | None:
        """Success rate of the last `SHORT` episodes without exploration; None before the first."""
        return sum(self.greedy_successes) / len(self.greedy_successes) if self.greedy_successes else None

    @property
    def human_share(self) -> float:
        """Human's share of the steps of the last episodes."""
        steps = sum(steps for steps, _ in self.recent_steps)
        return sum(human for _, human in self.recent_steps) / steps if steps else 0.0

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
    """Return the view of the present state."""
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
        ("env steps", f"{progress.env_steps}" + (f" of {budget.last_step}" if budget.env_steps else "")),
        ("episodes", f"{progress.episodes}" + (f", {progress.faults} ended by a fault" if progress.faults else "")),
        (
            "success",
            f"last {SHORT}: {_percent(progress.success(SHORT))}   last {LONG}: {_percent(progress.success(LONG))}   "
            f"without exploration: {_percent(progress.greedy_success)}",
        ),
        ("human", f"{progress.human_share:.1%} of the last steps, {progress.interventions} interventions"),
        ("rates", f"{progress.actors_total('steps_per_s'):.1f} steps/s   {_number(update, 'updates_per_s')} updates/s"),
        ("updates", f"{_number(update, 'updates', 0)} on {_number(update, 'transitions', 0)} transitions"),
        ("weights", f"{progress.actors_worst('weights_age_s'):.1f} s old"),
        ("backlog", f"{progress.actors_total('backlog'):.0f} records not yet acknowledged"),
        *_loop_rows(progress),
    ]


def _loop_rows(progress: Progress) -> list[tuple[str, str]]:
    """Return the timing of the loop over the graph in the last episodes; nothing in the simulator's own time."""
    if not any("act_to_obs_ms_p50" in event for event in progress.actors.values()):
        return []
    p50, p99 = (progress.actors_worst(f"act_to_obs_ms_{percent}") for percent in ("p50", "p99"))
    ages = (progress.actors_worst(f"{name}_ms_p99") for name in ("state_age", "image_age", "skew"))
    texts = (f"{name} {age:.0f}" for name, age in zip(("state", "picture", "skew"), ages, strict=True))
    missed = progress.actors_total("missed")
    return [
        ("loop", f"{p50:.0f} ms from action to observation (p99 {p99:.0f}), {missed:.0f} steps late"),
        ("ages", f"p99 in ms: {', '.join(texts)}"),
    ]


def line(progress: Progress, minutes: float, budget: Budget) -> str:
    """Return the view as one line, for output without a terminal."""
    return "   ".join(f"{name} {value}" for name, value in rows(progress, minutes, budget) if name != "weights")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _number(event: Mapping[str, Any], name: str, digits: int = 1) -> str:
    value = event.get(name)
    return "-" if value is None else f"{float(value):.{digits}f}"
