"""Supervisor of a training's processes: starts them, and again when they die, shows progress, stops them in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.runtime.acting.go import LogNotes, last_shown
from robot_rl.runtime.runs.kept_process import KeptProcess, Report
from robot_rl.runtime.runs.live import Budget, Progress, ProgressReader, draw, line
from robot_rl.runtime.runs.processes import ProcessPlan, stop_in_order
from robot_rl.runtime.runs.restart import RestartPolicy

POLL_S = 0.25
"""Time between two readings of the metrics [s]."""
LINE_EVERY_S = 15.0
"""Time between two lines without a terminal."""
STOP_LIMIT_S = 60.0
"""Time for one process to end cleanly."""


@dataclass(frozen=True)
class EarlyStop:
    """Early stop at a success rate."""

    success: float
    """Share of successful episodes."""
    window: int
    """Window: number of the last training episodes."""
    earlier_episodes: int = 0
    """Episodes of earlier sessions of the run, which do not count."""

    def reached(self, progress: Progress) -> bool:
        """Return whether a full window succeeded often enough."""
        if progress.episodes - self.earlier_episodes < self.window:
            return False
        rate = progress.success(self.window)
        return rate is not None and rate >= self.success


@dataclass(frozen=True)
class Outcome:
    """End of a training."""

    why: str
    """One of `budget`, `success`, `stopped`, `actors ended`, `learner ended`."""
    minutes: float
    progress: Progress


@dataclass(frozen=True)
class TrainingPlan:
    """Processes of a training and its limits."""

    title: str
    learner: ProcessPlan
    actors: Sequence[ProcessPlan]
    folders: Sequence[Path]
    """Of learner and actors; their metrics files are what the view shows."""
    budget: Budget
    early_stop: EarlyStop | None = None
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    report: Report = lambda part, event, text: None
    """Receives each death, restart and freeze of a part, beside the view."""


def supervise(plan: TrainingPlan, console: Console, clock: Clock, should_stop: Callable[[], bool]) -> Outcome:
    """Train until budget, early stop or `should_stop` ends it; return how it ended.

    A process that dies is started again, within the plan's bounds. Actors are stopped before the learner, so that their
    last records arrive and the checkpoint holds all of them.

    Raises:
        ProcessFailedError: a process died too often, or cannot work; the others are stopped first.
    """
    reader = ProgressReader(list(plan.folders))
    processes: list[KeptProcess] = []
    notes = {actor.name: LogNotes(actor.log) for actor in plan.actors if actor.log}
    start_ns = clock.now_ns()

    def report(part: str, event: str, text: str) -> None:
        console.print(f"{part}: {text}", style="bold", markup=False, soft_wrap=True)
        plan.report(part, event, text)

    def print_notes() -> None:
        for name, log in notes.items():
            for text in log.read():
                console.print(f"{name}: {text}", markup=False, soft_wrap=True)

    try:
        processes += [KeptProcess(part, plan.restarts, clock, report) for part in (*plan.actors, plan.learner)]
        with _View(plan.title, plan.budget, console, clock) as view:
            while True:
                minutes = (clock.now_ns() - start_ns) / NS_PER_S / 60.0
                progress = reader.read()
                view.show(progress, minutes, " ".join(last_shown(actor.log) for actor in plan.actors if actor.log))
                print_notes()
                for process in processes:
                    process.turn()
                if why := _why_stop(progress, minutes, plan, should_stop) or _who_ended(processes):
                    return Outcome(why, minutes, progress)
                clock.sleep_until(clock.now_ns() + round(POLL_S * NS_PER_S))
    finally:
        stop_in_order(processes, STOP_LIMIT_S, clock)
        print_notes()  # such as what was still being saved


def _why_stop(progress: Progress, minutes: float, plan: TrainingPlan, should_stop: Callable[[], bool]) -> str:
    if should_stop():
        return "stopped"
    if plan.budget.spent(minutes, progress.env_steps):
        return "budget"
    return "success" if plan.early_stop is not None and plan.early_stop.reached(progress) else ""


def _who_ended(processes: Sequence[KeptProcess]) -> str:
    """Return which part's end, in good order, is that of the training: no run goes on with half of its parts."""
    *actors, learner = processes
    if actors and all(actor.ended for actor in actors):
        return "actors ended"
    return "learner ended" if learner.ended else ""


class _View:
    """Live view on a terminal, periodic lines elsewhere."""

    def __init__(self, title: str, budget: Budget, console: Console, clock: Clock) -> None:
        self._title, self._budget, self._console, self._clock = title, budget, console, clock
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._next_line_ns, self._prompt = clock.now_ns(), ""

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress, minutes: float, prompt: str = "") -> None:
        """Bring the view up to date, with what the person has to do."""
        if prompt != self._prompt:
            self._prompt = prompt
            self._console.print(prompt, style="bold", soft_wrap=True)
        if self._live is not None:
            self._live.update(draw(progress, minutes, self._budget, self._title))
        elif self._clock.now_ns() >= self._next_line_ns:
            self._next_line_ns += round(LINE_EVERY_S * NS_PER_S)
            self._console.print(line(progress, minutes, self._budget), soft_wrap=True)
