"""Progress of a training for the page: what its metrics files say, as plain values with a curve of bounded length."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, human_share, rolling_mean
from robot_rl.runtime.runs.live import Progress, ProgressReader
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import success_rate

POINTS_MAX = 120
BYTES_PER_GB, BYTES_PER_MB = 1e9, 1e6
LEARNER = ("updates", "transitions", "updates_per_s", "transitions_per_s")
ACTOR = ("backlog", "weights_age_s", "dropped", "spool_lost")


class RunProgress:
    """Follows a run's metrics files; without a run, only the disk.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path | None) -> None:
        self._folder = None if run is None else RunFolder(run)
        self._reader: ProgressReader | None = None

    def read(self, seen: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the present progress.

        Args:
            seen: episodes that were seen by the page, which count where there is no run.
        """
        if self._folder is None:
            return describe(History(list(seen))) | _disk(Path.cwd())
        if self._reader is None and self._folder.actors():
            self._reader = ProgressReader([self._folder.learner, self._folder.curve, *self._folder.actors()])
        progress = Progress() if self._reader is None else self._reader.read()
        numbers = {name: progress.update.get(name) for name in LEARNER}
        numbers |= {name: progress.actors_worst(name) if progress.actors else None for name in ACTOR}
        spool = {"spool_mb": _size(self._folder.actors()) / BYTES_PER_MB}
        return (
            describe(History(progress.events, evaluations=progress.evaluations))
            | numbers
            | spool
            | _disk(self._folder.root)
        )


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
