"""What a reward source sees of a step, and what it may say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from robot_rl.core.errors import ConfigError
from robot_rl.core.labels import LABEL_RULES, STAGE_REWARD, SUCCESS_REWARD, LabelRule

LabelRules = Mapping[str, LabelRule]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one step, before any reward source spoke."""

    reward: float  # the environment's
    terminated: bool  # the environment's
    success: bool  # the environment's ground truth, False when it has none
    labels: tuple[str, ...] = ()  # the human's, given during this step
    intervention_start: bool = False  # the human took charge with this step


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a source says about a step; None: no opinion on that."""

    reward: float | None = None
    terminated: bool | None = None
    success: bool | None = None


class RewardSource(Protocol):
    """Judges steps. Of two opinions on the same thing that of the higher priority counts."""

    name: str
    priority: int

    def reset(self) -> None:
        """Begin an episode."""

    def judge(self, outcome: Outcome) -> Verdict:
        """Return what this source says about the step."""
        ...

    def finalise(self, reward: float, took_over_next: bool) -> float:
        """Return a step's final reward, now that it is known whether the human took over right after it."""
        return reward

    def label_rules(self, rules: LabelRules) -> LabelRules:
        """Return what labels do that arrive after their step, given what the sources of lower priority let them do."""
        return rules


class GroundTruth(RewardSource):
    """The environment's own reward, end and success (simulator, or an instrumented cell)."""

    name = "ground-truth"
    priority = 10

    def judge(self, outcome: Outcome) -> Verdict:
        """Return what the environment said."""
        return Verdict(outcome.reward, outcome.terminated, outcome.success)


class HumanLabels(RewardSource):
    """The operator's labels: success ends the episode with 1, failure with 0, a stage pays a part.

    The rules that judge a running step are also those of labels that arrive later.

    Raises:
        ConfigError: a stage that pays nothing, or as much as the task.
    """

    name = "human-label"
    priority = 30

    def __init__(self, stage_reward: float = STAGE_REWARD) -> None:
        if not 0.0 < stage_reward < SUCCESS_REWARD:
            raise ConfigError(
                f"stage_reward: got {stage_reward}, expected more than 0 and less than {SUCCESS_REWARD:g}, "
                "the reward of success; 0.25 is usual."
            )
        self._rules = LABEL_RULES | {"stage": LabelRule(stage_reward)}

    def judge(self, outcome: Outcome) -> Verdict:
        """Return the verdict of the last label of this step; `undo` is about the past and says nothing of this step."""
        rules = [self._rules[label] for label in outcome.labels if not self._rules[label].excluded]
        return Verdict(rules[-1].reward, rules[-1].terminated, rules[-1].success) if rules else Verdict()

    def label_rules(self, rules: LabelRules) -> LabelRules:
        """Return the rules of all labels."""
        return self._rules


class Interventions(RewardSource):
    """RLIF: reward -1 for the step that made the human take over, 0 elsewhere; no task reward is needed.

    The step that triggers an intervention is the policy's last one before it, so the -1 comes with `finalise`.
    Source: Luo et al. 2023, RLIF, algorithm 1.
    """

    name = "rlif"
    priority = 40

    def judge(self, outcome: Outcome) -> Verdict:
        """Return 0, whatever the task says; ends and success are left to others."""
        return Verdict(reward=0.0)

    def finalise(self, reward: float, took_over_next: bool) -> float:
        """Return -1 when the human took over right after the step."""
        return -1.0 if took_over_next else reward

    def label_rules(self, rules: LabelRules) -> LabelRules:
        """Return rules that leave the reward alone: it comes from interventions only."""
        return {name: replace(rule, reward=None) for name, rule in rules.items()}
