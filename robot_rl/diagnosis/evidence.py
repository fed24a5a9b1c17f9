"""Evidence of a run: its settings and what learner, actors and evaluations wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robot_rl.config import TrainConfig, load_config
from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.report import read_run
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import success_rate

SUCCEEDS = 0.9
"""Success of the policy alone from which nothing explains why it does not learn."""
NEWEST_SHARE = 1 / 3
"""Share of a run, its end, over which the learner's metrics are judged."""
UPDATES_MIN = 200
"""Updates before which networks are not judged."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a run."""

    config: TrainConfig
    history: History
    health: Mapping[str, Any]
    """The learner's newest line about its networks; empty before its first checkpoint."""
    evaluation: Mapping[str, Any] | None
    """The newest evaluation of the policy alone."""

    @property
    def update(self) -> Mapping[str, Any]:
        """The learner's newest line; empty before the first."""
        return self.history.updates[-1] if self.history.updates else {}

    @cached_property
    def newest(self) -> Sequence[Mapping[str, Any]]:
        """The newest episodes of the actors."""
        return self.history.episodes[-SUCCESS_WINDOW:]

    def learned(self, name: str) -> float | None:
        """Return the median of a metric of the learner over the end of the run; None where there is none, or the run
        is too short to judge its networks.
        """
        lines = [line for line in self.history.updates if line.get(name) is not None]
        if int(self.update.get("updates") or 0) < UPDATES_MIN or not lines:
            return None
        first = (1 - NEWEST_SHARE) * float(self.update["updates"])
        values = [float(line[name]) for line in lines if float(line["updates"]) >= first]
        return float(np.median(values)) if values else None

    def mean(self, name: str) -> float | None:
        """Return the mean of a number over the newest episodes; None where none has it."""
        values = [float(episode[name]) for episode in self.newest if episode.get(name) is not None]
        return float(np.mean(values)) if values else None

    @cached_property
    def sparse(self) -> bool:
        """Whether rewards come with success alone."""
        return not self.history.column("reward")[self.history.success == 0].any()

    @cached_property
    def success_alone(self) -> float | None:
        """Success of the policy alone: evaluated, else in the newest episodes without help; None before any."""
        if self.evaluation is not None and self.evaluation.get("success_rate") is not None:
            return float(self.evaluation["success_rate"])
        return success_rate(self.history.success[self.history.human_steps == 0], SUCCESS_WINDOW)

    @property
    def succeeds(self) -> bool:
        """Whether the policy alone succeeds, so that its networks need no explanation."""
        return (self.success_alone or 0.0) >= SUCCEEDS


def read_evidence(folder: RunFolder) -> Evidence:
    """Return the evidence in a run's files, also of one in training."""
    data, health = read_run(folder), read_metrics(folder.learner, kind="health")
    evaluation = data.evaluation or next(reversed(data.history.evaluations), None)
    return Evidence(load_config(folder.config_file), data.history, health[-1] if health else {}, evaluation)
