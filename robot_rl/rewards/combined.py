"""Several reward sources as one, and the table of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.rewards.source import GroundTruth, HumanLabels, Interventions, LabelRules, Outcome, RewardSource, Verdict

REWARD_SOURCES: dict[str, Callable[[], RewardSource]] = {
    GroundTruth.name: GroundTruth,
    HumanLabels.name: HumanLabels,
    Interventions.name: Interventions,
}


class CombinedReward:
    """For reward, end and success each, the opinion of the highest priority counts.

    Without any opinion the step pays 0 and is as the environment says. An end that the environment declares stands:
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

    def reset(self) -> None:
        """Begin an episode."""
        for source in self._sources:
            source.reset()

    def judge(self, outcome: Outcome) -> tuple[float, bool, bool]:
        """Return reward, terminated and success of a step."""
        reward, terminated, success = 0.0, outcome.terminated, outcome.success
        for source in reversed(self._sources):
            reward, terminated, success = _over(source.judge(outcome), reward, terminated, success)
        return reward, terminated or outcome.terminated, success

    def finalise(self, reward: float, took_over_next: bool) -> float:
        """Return a step's final reward, once it is known whether the human took over right after it."""
        for source in reversed(self._sources):
            reward = source.finalise(reward, took_over_next)
        return reward

    def label_rules(self) -> LabelRules:
        """Return what labels do that arrive after their step; empty where no source asks for labels."""
        rules: LabelRules = {}
        for source in reversed(self._sources):
            rules = source.label_rules(rules)
        return rules


def _over(verdict: Verdict, reward: float, terminated: bool, success: bool) -> tuple[float, bool, bool]:
    """Return the lower opinions with this verdict's laid over them."""
    return (
        reward if verdict.reward is None else verdict.reward,
        terminated if verdict.terminated is None else verdict.terminated,
        success if verdict.success is None else verdict.success,
    )


def make_reward(names: Sequence[str] = (GroundTruth.name, HumanLabels.name)) -> CombinedReward:
    """Return the named sources as one.

    Raises:
        UnknownNameError: a name that is not in `REWARD_SOURCES`.
    """
    for name in names:
        if name not in REWARD_SOURCES:
            raise unknown_name("reward source", name, REWARD_SOURCES)
    return CombinedReward(REWARD_SOURCES[name]() for name in names)
