"""Comparison of methods over their seeds: estimates with intervals, probability of improvement, sequential decision."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from robot_rl.runtime.runs.method_groups import MethodGroup
from robot_rl.runtime.runs.sequential_test import Decision, StoppingRule, decide
from robot_rl.runtime.runs.statistics import bootstrap_interval, improvement_probabilities, interquartile_means

Interval = tuple[float, float] | None
"""95 % interval; None with one seed."""
SEEDS_FEW = 10
"""With fewer seeds a bootstrap interval is too narrow: of 95 %, 5 seeds cover 84 % and 3 seeds 75 % (normal scores)."""


class MethodRow(NamedTuple):
    """One method over its seeds."""

    label: str
    seeds: tuple[int, ...]
    mean: float
    """Mean success rate."""
    mean_interval: Interval
    iqm: float
    """Interquartile mean of the success rates."""
    iqm_interval: Interval
    robot_minutes: float
    """Mean over the seeds."""
    human_steps: float
    """Mean over the seeds."""


class Improvement(NamedTuple):
    """Probability that a run of the first method succeeds more often than one of the second."""

    first: str
    second: str
    probability: float
    interval: Interval


@dataclass(frozen=True)
class Comparison:
    """Methods on one task."""

    task: str
    methods: tuple[MethodRow, ...]
    improvements: tuple[Improvement, ...]
    rule: StoppingRule | None
    decisions: tuple[Decision, ...]
    """Of the sequential test by `rule`; empty without one."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "task": self.task,
            "confidence": 0.95,
            "methods": [row._asdict() for row in self.methods],
            "improvements": [improvement._asdict() for improvement in self.improvements],
            "rule": None if self.rule is None else asdict(self.rule),
            "decisions": [decision._asdict() for decision in self.decisions],
        }


def compare_methods(task: str, groups: Sequence[MethodGroup], rule: StoppingRule | None = None) -> Comparison:
    """Return the comparison; the same runs give the same numbers, whatever their order within a method."""
    decisions = () if rule is None else decide({group.label: group.scores for group in groups}, rule, _rng())
    return Comparison(
        task,
        tuple(_row(group) for group in groups),
        tuple(_improvement(first, second) for first, second in combinations(groups, 2)),
        rule,
        tuple(decisions),
    )


def notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know of the intervals: which are missing, which are too narrow."""
    single = [row.label for row in comparison.methods if len(row.seeds) == 1]
    few = [row.label for row in comparison.methods if 1 < len(row.seeds) < SEEDS_FEW]
    lines = [f"One seed, no interval: {'; '.join(single)}."] if single else []
    return lines + (
        [f"Fewer than {SEEDS_FEW} seeds, so that the interval is too narrow: {'; '.join(few)}."] if few else []
    )


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)  # a comparison is a function of its runs


def _row(group: MethodGroup) -> MethodRow:
    scores = np.sort(group.scores)  # sums of another order round otherwise
    return MethodRow(
        group.label,
        tuple(run.seed for run in group.runs),
        float(scores.mean()),
        bootstrap_interval([scores], lambda drawn: np.asarray(drawn.mean(axis=-1)), _rng()),
        float(interquartile_means(scores)),
        bootstrap_interval([scores], interquartile_means, _rng()),
        float(np.mean([run.robot_minutes for run in group.runs])),
        float(np.mean([run.human_steps for run in group.runs])),
    )


def _improvement(first: MethodGroup, second: MethodGroup) -> Improvement:
    strata = np.sort(first.scores), np.sort(second.scores)
    interval = bootstrap_interval(strata, improvement_probabilities, _rng())
    return Improvement(first.label, second.label, float(improvement_probabilities(*strata)), interval)
