"""History of a run from its metrics files: episodes of all actors in the order of time, and the learner's updates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.run_folder import RunFolder

SUCCESS_WINDOW = 20
"""Episodes over which a training success rate is averaged."""
EVALUATION = "evaluation"
"""Kind of the metrics line of a kept policy's evaluation."""


@dataclass(frozen=True)
class History:
    """A run over time; all arrays have one entry per episode, in the order of their ends.

    Shapes: (N,) for N episodes.
    """

    episodes: Sequence[Mapping[str, Any]]
    """The actors' `episode` events, in the order of their ends."""
    updates: Sequence[Mapping[str, Any]] = ()
    """The learner's `update` events, oldest first."""
    evaluations: Sequence[Mapping[str, Any]] = ()
    """Evaluations of the policies that the training kept, by their `step`; of two of a policy the later one."""

    def column(self, name: str) -> np.ndarray:
        """Return a number of each episode; 0 where the event lacks it."""
        return np.array([float(event.get(name) or 0.0) for event in self.episodes])

    @cached_property
    def steps(self) -> np.ndarray:
        """Environment steps."""
        return self.column("steps")

    @cached_property
    def env_steps(self) -> np.ndarray:
        """Environment steps of all actors up to the episode's end."""
        return np.cumsum(self.steps)

    @cached_property
    def success(self) -> np.ndarray:
        """Whether the episode succeeded."""
        return self.column("success")

    @cached_property
    def human_steps(self) -> np.ndarray:
        """Steps that the human made."""
        return self.column("human_steps")

    @cached_property
    def greedy(self) -> np.ndarray:
        """Whether the policy acted without exploring."""
        return self.column("greedy")


def read_history(folder: RunFolder) -> History:
    """Read the metrics of all actors and of the learner."""
    episodes = in_order([read_metrics(actor, kind="episode") for actor in folder.actors()])
    return History(episodes, read_metrics(folder.learner, kind="update"), by_step(read_metrics(folder.curve)))


def in_order(actors: Iterable[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Return the episodes of all actors in the order of time; those of one actor stay in theirs if its clock jumps."""
    timed: list[tuple[float, Mapping[str, Any]]] = []
    for episodes in actors:
        times = accumulate((float(event.get("wall_s") or 0.0) for event in episodes), max)
        timed += zip(times, episodes, strict=True)
    return [event for _, event in sorted(timed, key=lambda pair: pair[0])]


def by_step(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the evaluations among lines of metrics in the order of their steps, of each step the newest."""
    newest = {int(line["step"]): line for line in lines if line["kind"] == EVALUATION}
    return [newest[step] for step in sorted(newest)]


def rolling_mean(values: Sequence[float] | np.ndarray, window: int = SUCCESS_WINDOW) -> np.ndarray:
    """Return the mean of the last `window` values at each point (fewer at the beginning), (N,)."""
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=float))])
    end = np.arange(1, len(total))
    begin = np.maximum(0, end - window)
    return (total[end] - total[begin]) / (end - begin)


def human_share(history: History) -> np.ndarray:
    """Return the human's share of the steps, over the last `SUCCESS_WINDOW` episodes at each point, (N,)."""
    steps = rolling_mean(history.steps, SUCCESS_WINDOW)
    return rolling_mean(history.human_steps, SUCCESS_WINDOW) / np.maximum(steps, 1e-9)


def steps_to_reach(history: History, rate: float, window: int = SUCCESS_WINDOW) -> int | None:
    """Return the env steps at which a full window of episodes first succeeded at `rate`; None when it never did."""
    reached = np.flatnonzero(rolling_mean(history.success, window)[window - 1 :] >= rate - 1e-9)
    return int(history.env_steps[window - 1 + reached[0]]) if reached.size else None
