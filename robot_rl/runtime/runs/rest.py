"""What earlier sessions left of a run's budget, also sessions that were killed."""

from itertools import pairwise
from typing import Any

from robot_rl.runtime.runs.live import Budget
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.run_folder import RunFolder

BREAK_S = 60.0
"""Longer gaps between two lines of the learner, which come once a second, are time in which it did not run."""


def trained_minutes(folder: RunFolder) -> float:
    """Return the time that the learner ran [min], from its metrics; the start of its processes is not in it."""
    times_s = [float(line["wall_s"]) for line in read_metrics(folder.learner)]
    return sum(gap_s for gap_s in (later - sooner for sooner, later in pairwise(times_s)) if 0 < gap_s < BREAK_S) / 60


def training_ended(folder: RunFolder) -> bool:
    """Return whether the last session ended by its budget or by enough success, not by a stop or a kill."""
    events = read_metrics(folder.root)
    last: dict[str, Any] = next((event for event in reversed(events) if event["kind"] == "session"), {})
    after = [line for line in read_metrics(folder.learner) if line["wall_s"] > float(last.get("wall_s", 0.0))]
    return last.get("why") in ("budget", "success") and not after


def rest_of(folder: RunFolder, budget: Budget, env_steps: int) -> Budget | None:
    """Return what is left of a budget for the whole run; None where nothing is.

    Args:
        env_steps: of the run so far.
    """
    minutes = None if budget.minutes is None else budget.minutes - trained_minutes(folder)
    rest = Budget(minutes, budget.env_steps)
    over = (minutes is not None and minutes <= 0.0) or (budget.env_steps or env_steps + 1) <= env_steps
    return None if over or training_ended(folder) else rest
