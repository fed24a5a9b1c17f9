"""Reward sources without weights: ground truth, the operator's labels, interventions."""

from dataclasses import dataclass, replace

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.core.labels import LABEL_RULES, STAGE_REWARD, SUCCESS_REWARD, LabelRule
from robot_rl.rewards.source import LabelRules, RewardSource, StepOutcome, Verdict


class GroundTruth(RewardSource):
    """The environment's own reward, end and success (simulator, or an instrumented cell)."""

    name = "ground-truth"
    priority = 10

    def judge(self, outcome: StepOutcome) -> Verdict:
        """Return the environment's judgement."""
        return Verdict(outcome.reward, outcome.terminated, outcome.success)


@dataclass(frozen=True)
class LabelSettings:
    """Settings of the operator's labels.

    Raises:
        ConfigError: a stage that pays nothing, or as much as the task, or a negative time.
    """

    stage_reward: float = STAGE_REWARD
    """Reward of a stage; less than success pays."""
    reaction_s: float = 0.3
    """Time from an event to its label [s]: success and stage are moved back by as many whole steps. Rather too short:
    a success one step late costs nothing, one before the event teaches something false."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "reaction_s")
        if not 0.0 < self.stage_reward < SUCCESS_REWARD:
            raise ConfigError(
                f"stage_reward: got {self.stage_reward}, expected more than 0 and less than {SUCCESS_REWARD:g}, "
                "the reward of success; 0.25 is usual."
            )


class HumanLabels(RewardSource):
    """The operator's labels: success ends the episode with 1, failure with 0, a stage pays a part.

    The rules that judge a running step are also those of labels that arrive later.

    Args:
        settings: reward of a stage, reaction time.
    """

    name = "human-label"
    priority = 30
    Settings = LabelSettings

    def __init__(self, settings: LabelSettings = LabelSettings()) -> None:
        self._rules = LABEL_RULES | {"stage": LabelRule(settings.stage_reward)}
        self.reaction_s = settings.reaction_s

    def judge(self, outcome: StepOutcome) -> Verdict:
        """Return the verdict of the last label of this step; `undo` concerns the past, not this step."""
        rules = [self._rules[label] for label in outcome.labels if not self._rules[label].excluded]
        return Verdict(rules[-1].reward, rules[-1].terminated, rules[-1].success) if rules else Verdict()

    def label_rules(self, rules: LabelRules) -> LabelRules:
        """Return the rules of all labels."""
        return self._rules


@dataclass(frozen=True)
class InterventionSettings:
    """Settings of the reward of interventions."""

    task_reward: bool = False
    """Add -1 to the task's reward, instead of replacing it."""


class Interventions(RewardSource):
    """RLIF: reward -1 for the step that made the human take over, 0 elsewhere; no task reward is needed.

    The step that triggers an intervention is the policy's last one before it, so the -1 comes with `finalise`.
    Source: Luo et al. 2023, RLIF, algorithm 1.
    """

    name = "rlif"
    priority = 40
    Settings = InterventionSettings

    def __init__(self, settings: InterventionSettings = InterventionSettings()) -> None:
        self._task_reward = settings.task_reward

    def judge(self, outcome: StepOutcome) -> Verdict:
        """Return reward 0, or none of its own, without a verdict on end and success."""
        return Verdict() if self._task_reward else Verdict(reward=0.0)

    def finalise(self, reward: float, intervention_next: bool) -> float:
        """Return the reward less 1 when the human took over right after the step."""
        return reward - 1.0 if intervention_next else reward

    def recorded(self, reward: float) -> float:
        """Return 0: there was no intervention in a recording."""
        return reward if self._task_reward else 0.0

    def label_rules(self, rules: LabelRules) -> LabelRules:
        """Return rules that do not change the reward where it comes from interventions only."""
        return rules if self._task_reward else {name: replace(rule, reward=None) for name, rule in rules.items()}
