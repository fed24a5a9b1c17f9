"""Combination of reward sources, and the table of their names."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from robot_rl.core.errors import ConfigError, UnknownNameError, unknown_name
from robot_rl.core.extensions import resolve
from robot_rl.core.settings import from_text
from robot_rl.rewards.source import LabelRules, RewardSource, StepOutcome, Verdict
from robot_rl.rewards.success_model import Views

REWARD_SOURCES = {
    "ground-truth": "robot_rl.rewards.sources:GroundTruth",
    "classifier": "robot_rl.rewards.classifier:Classifier",
    "human-label": "robot_rl.rewards.sources:HumanLabels",
    "rlif": "robot_rl.rewards.sources:Interventions",
}
"""Name -> `module:Class`."""
DEFAULT_SOURCES = ("ground-truth", "human-label")
GROUP = "robot_rl.rewards"
"""Entry points under which other packages register theirs."""


class CombinedReward:
    """Combined source: for reward, end and success each, the verdict of the highest priority counts.

    Without a verdict the step pays 0 and ends as the environment says. An end that the environment declares stands:
    it cannot be stepped further.

    Raises:
        ConfigError: no source, or two of the same priority.
    """

    def __init__(self, sources: Iterable[RewardSource]) -> None:
        self._sources = sorted(sources, key=lambda source: -source.priority)
        names = [source.name for source in self._sources]
        if not names:
            raise ConfigError("reward sources: got none, expected at least one; add 'ground-truth' in the simulator.")
        if len({source.priority for source in self._sources}) < len(names):
            raise ConfigError(f"reward sources: got {names}, expected a priority of its own for each; drop one.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources, highest priority first."""
        return tuple(source.name for source in self._sources)

    def reaction_steps(self, period_s: float) -> int:
        """Return how many whole steps an operator's label comes after the step that it is about."""
        return math.floor(max(source.reaction_s for source in self._sources) / period_s + 1e-6)

    @property
    def needs_features(self) -> bool:
        """Whether a source judges an encoder's features."""
        return any(source.needs_features for source in self._sources)

    def check(self, views: Views) -> None:
        """Refuse a run whose views a source cannot judge.

        Raises:
            ConfigError: a view that differs, with both sides.
        """
        for source in self._sources:
            source.check(views)

    def open(self, folder: Path) -> None:
        """Keep what sources learn from labels in a folder."""
        for source in self._sources:
            source.open(folder)

    def late_labels(self, labels: tuple[str, ...]) -> None:
        """Pass labels on that were given after the judgement of the episode's last step."""
        for source in self._sources:
            source.late_labels(labels)

    def metrics(self) -> dict[str, float]:
        """Return the sources' measurements since the last call."""
        return {name: value for source in self._sources for name, value in source.metrics().items()}

    def reset(self) -> None:
        """Begin an episode."""
        for source in self._sources:
            source.reset()

    def judge(self, outcome: StepOutcome) -> tuple[float, bool, bool]:
        """Return reward, terminated and success of a step."""
        reward, terminated, success = 0.0, outcome.terminated, outcome.success
        for source in reversed(self._sources):
            reward, terminated, success = _over(source.judge(outcome), reward, terminated, success)
        return reward, terminated or outcome.terminated, success

    def finalise(self, reward: float, intervention_next: bool) -> float:
        """Return a step's final reward, once it is known whether the human took over right after it."""
        for source in reversed(self._sources):
            reward = source.finalise(reward, intervention_next)
        return reward

    def recorded(self, reward: float) -> float:
        """Return the reward of a demonstrated step, given that of its recording."""
        for source in reversed(self._sources):
            reward = source.recorded(reward)
        return reward

    def label_rules(self) -> LabelRules:
        """Return the rules of labels that arrive after their step; empty if no source uses labels."""
        rules: LabelRules = {}
        for source in reversed(self._sources):
            rules = source.label_rules(rules)
        return rules


def _over(verdict: Verdict, reward: float, terminated: bool, success: bool) -> tuple[float, bool, bool]:
    """Return the lower verdicts, overridden by this one's."""
    return (
        reward if verdict.reward is None else verdict.reward,
        terminated if verdict.terminated is None else verdict.terminated,
        success if verdict.success is None else verdict.success,
    )


def make_reward(names: Sequence[str] = DEFAULT_SOURCES, settings: Mapping[str, str] | None = None) -> CombinedReward:
    """Return reward sources, by name, `module:Class` or `path/to/file.py:Class`, as one.

    Args:
        settings: texts by `SOURCE.FIELD`, SOURCE being the source's own name, as in `human-label.stage_reward`.

    Raises:
        ConfigError: an unknown source, an object that is not a source, or settings that do not fit.
    """
    words: dict[str, dict[str, str]] = {}
    for key, text in (settings or {}).items():
        source, _, name = key.partition(".")
        words.setdefault(source, {})[name] = text
    kinds = [resolve("reward source", name, REWARD_SOURCES, GROUP) for name in names]
    for kind, name in zip(kinds, names, strict=True):
        if not callable(getattr(kind, "judge", None)):
            raise ConfigError(f"reward source: got {name!r}, expected a class with `judge`; see docs/extending.md.")
    if unknown := words.keys() - {kind.name for kind in kinds}:
        raise unknown_name("reward settings", unknown.pop(), [kind.name for kind in kinds])
    return CombinedReward(_make(kind, words.get(kind.name, {})) for kind in kinds)


def _make(kind: Any, words: Mapping[str, str]) -> RewardSource:
    if hasattr(kind, "Settings"):
        made: RewardSource = kind(from_text(kind.Settings, words, f"settings of {kind.name}"))
        return made
    if words:
        raise UnknownNameError(f"settings of {kind.name}: got {', '.join(words)}, expected none.")
    made = kind()
    return made
