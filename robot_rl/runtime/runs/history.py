"""History of a run from its metrics: episodes of all actors in order of time, and the learner's updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.run_folder import RunFolder

SUCCESS_WINDOW = 20
"""Episodes over which a training success rate is averaged."""


@dataclass(frozen=True)
class History:
    """A run over time; all arrays have one entry per episode, in the order of their ends.

    Shapes: (N,) for N episodes.
    """

    wall_s: np.ndarray
    """End of the episode, Unix time."""
    env_steps: np.ndarray
    """Environment steps of all actors up to the episode's end."""
    steps: np.ndarray
    success: np.ndarray
    human_steps: np.ndarray
    interventions: np.ndarray
    fault: np.ndarray
    greedy: np.ndarray
    """Whether the policy acted without exploring."""
    updates: tuple[dict[str, Any], ...]
    """The learner's `update` events, oldest first."""

    @property
    def minutes(self) -> np.ndarray:
        """Minutes from the run's first event to each episode's end; pauses between resumed parts count."""
        return (self.wall_s - self.start_s) / 60.0

    @property
    def start_s(self) -> float:
        """Unix time of the first event."""
        firsts = [float(event["wall_s"]) for event in self.updates[:1]] + list(self.wall_s[:1])
        return min(firsts, default=0.0)


def read_history(folder: RunFolder) -> History:
    """Read the metrics of all actors and of the learner."""
    episodes = [event for actor in folder.actors() for event in read_metrics(actor, kind="episode")]
    episodes.sort(key=lambda event: event["wall_s"])
    steps = _column(episodes, "steps")
    return History(
        wall_s=_column(episodes, "wall_s"),
        env_steps=np.cumsum(steps),
        steps=steps,
        success=_column(episodes, "success"),
        human_steps=_column(episodes, "human_steps"),
        interventions=_column(episodes, "interventions"),
        fault=_column(episodes, "fault"),
        greedy=_column(episodes, "greedy"),
        updates=tuple(read_metrics(folder.learner, kind="update")),
    )


def rolling_mean(values: Sequence[float] | np.ndarray, window: int = SUCCESS_WINDOW) -> np.ndarray:
    """Return the mean of the last `window` values at each point (fewer at the beginning), (N,)."""
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=float))])
    end = np.arange(1, len(total))
    begin = np.maximum(0, end - window)
    return (total[end] - total[begin]) / (end - begin)


def human_share(history: History, window: int = SUCCESS_WINDOW) -> np.ndarray:
    """Return the human's share of the steps, over the last `window` episodes at each point, (N,)."""
    steps = rolling_mean(history.steps, window)
    return rolling_mean(history.human_steps, window) / np.maximum(steps, 1e-9)


def steps_to_reach(history: History, rate: float, window: int = SUCCESS_WINDOW) -> int | None:
    """Return the env steps at which a full window of episodes first succeeded at `rate`; None when it never did."""
    reached = np.flatnonzero(rolling_mean(history.success, window)[window - 1 :] >= rate - 1e-9)
    return int(history.env_steps[window - 1 + reached[0]]) if reached.size else None


def _column(events: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([float(event.get(name) or 0.0) for event in events])
