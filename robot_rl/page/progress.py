"""Progress of a training for the page: what its metrics files say, as plain values with a curve of bounded length."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.page.settings import port_of
from robot_rl.runtime.runs.actor_status import ActorStatus, actor_status, by_need
from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, by_step, human_share, rolling_mean
from robot_rl.runtime.runs.metrics import METRICS_FILE, MetricsTail
from robot_rl.runtime.runs.process_record import ALIVE, read_record
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import success_rate
from robot_rl.runtime.runs.run_totals import LOSSES, REFUSED, RunTotals

POINTS_MAX = 120
BYTES_PER_GB, BYTES_PER_MB = 1e9, 1e6
LEARNER = ("updates", "transitions", "updates_per_s", "transitions_per_s")
WORST = ("backlog", "weights_age_s")
"""Numbers of which the largest of all actors is shown."""


class RunProgress:
    """Follows a run's metrics files; without a run, only the disk.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path | None) -> None:
        self._folder = None if run is None else RunFolder(run)
        self._totals = None if self._folder is None else RunTotals(self._folder)
        self._curve = None if self._folder is None else MetricsTail(self._folder.curve / METRICS_FILE)
        self._evaluations: list[Mapping[str, Any]] = []

    def read(self, seen: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the present progress.

        Args:
            seen: episodes that were seen by the page, which count where there is no run.
        """
        if self._folder is None or self._totals is None or self._curve is None:
            return describe(History(list(seen))) | _disk(Path.cwd())
        self._totals.read()
        self._evaluations = by_step([*self._evaluations, *self._curve.read()])
        return (
            describe(History(self._totals.episodes, evaluations=self._evaluations))
            | _numbers(self._folder, self._totals)
            | {"actors": _actors(self._folder, self._totals)}
            | {"spool_mb": _size(self._folder.actors()) / BYTES_PER_MB}
            | _disk(self._folder.root)
        )


def _numbers(folder: RunFolder, totals: RunTotals) -> dict[str, Any]:
    """Return the learner's numbers, the worst ones of the actors, and what was lost or refused."""
    update = totals.latest.get(folder.learner.name, {})
    actors = [values for name, values in totals.latest.items() if name != folder.learner.name]
    lost = {text: count for key, text in LOSSES.items() if (count := totals.total(key))}
    return {
        **{name: update.get(name) for name in LEARNER},
        **{name: max((float(actor.get(name) or 0.0) for actor in actors), default=None) for name in WORST},
        "losses": lost | ({"refused": refused} if (refused := totals.total(REFUSED)) else {}),
    }


def _actors(folder: RunFolder, totals: RunTotals) -> list[dict[str, Any]]:
    """Return the actors of the run, those that need a person first, with the port of the page that each has."""
    found = []
    for path in folder.actors():
        record = read_record(path)
        found.append(actor_status(path, "" if record is None else record.state, totals))
    return [_row(folder.root / actor.name, actor) for actor in by_need(found)]


def _row(path: Path, actor: ActorStatus) -> dict[str, Any]:
    shown = ("name", "state", "computer", "need", "stuck", "episodes", "success", "human_share")
    port = port_of(path) if actor.state in ALIVE else None
    return {name: getattr(actor, name) for name in shown} | {"port": port}


def describe(history: History) -> dict[str, Any]:
    """Return success, help and curves of the episodes so far; the success of the policy without help stands first:
    evaluated, where the run has that.
    """
    unhelped = history.human_steps == 0
    alone = history.success[unhelped]
    share = human_share(history)
    evaluations = history.evaluations
    newest = evaluations[-1] if evaluations else {}
    return {
        "evaluated": {name: newest.get(name) for name in ("successes", "episodes", "step")} if newest else None,
        "unhelped": success_rate(alone, SUCCESS_WINDOW),
        "unhelped_episodes": int(min(alone.size, SUCCESS_WINDOW)),
        "success": success_rate(history.success, SUCCESS_WINDOW),
        "human": float(share[-1]) if share.size else None,
        "episodes": int(history.steps.size),
        "env_steps": int(history.env_steps[-1]) if history.steps.size else 0,
        "curves": {
            "evaluated": [[float(line["step"]), line["successes"] / max(line["episodes"], 1)] for line in evaluations],
            "unhelped": _curve(history.env_steps[unhelped], rolling_mean(alone)),
            "success": _curve(history.env_steps, rolling_mean(history.success)),
            "human": _curve(history.env_steps, share),
        },
    }


def _curve(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    """Return points [x, y], at most `POINTS_MAX`, the last among them."""
    chosen = np.unique(np.linspace(0, max(0, x.size - 1), min(x.size, POINTS_MAX)).round().astype(int))
    return [[float(x[i]), round(float(y[i]), 4)] for i in chosen]


def _disk(folder: Path) -> dict[str, Any]:
    usage = shutil.disk_usage(folder)
    return {"disk_free_gb": usage.free / BYTES_PER_GB, "disk_free": usage.free / usage.total}


def _size(folders: Sequence[Path]) -> int:
    files = (path for folder in folders for path in (folder / "spool").glob("*"))
    return sum(path.stat().st_size for path in files if path.is_file())
