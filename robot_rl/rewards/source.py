"""Protocol of reward sources: the step that they receive, and the verdict that they return."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from robot_rl.core.labels import LabelRule
from robot_rl.core.records import Observation
from robot_rl.rewards.success_model import Views

LabelRules = Mapping[str, LabelRule]


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """Result of one step, before any reward source judges it."""

    reward: float
    """The environment's."""
    terminated: bool
    """The environment's."""
    success: bool
    """The environment's ground truth; False where it has none."""
    raw: Observation = field(default_factory=dict)
    """The observation after the step, with camera images."""
    obs: Observation = field(default_factory=dict)
    """The same as the policy sees it: features instead of images where there is an encoder."""
    labels: tuple[str, ...] = ()
    """The operator's, given during this step."""
    intervention: bool = False
    """Whether the human chose the action."""
    intervention_start: bool = False
    """Whether the human's intervention started with this step."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """The environment's."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A source's judgement of a step; None: no opinion."""

    reward: float | None = None
    terminated: bool | None = None
    success: bool | None = None


class RewardSource(Protocol):
    """A reward source. Of two verdicts on the same quantity that of the higher priority counts.

    A source is made as `Source(settings)` where it has a dataclass `Settings`, else as `Source()`. Ground truth has
    priority 10, a classifier 20, human labels 30, interventions 40.
    """

    name: str
    priority: int
    reaction_s: float = 0.0
    """How long after the event a label of this source comes [s]."""

    needs_features: bool = False
    """Whether it judges an encoder's features."""

    def check(self, views: Views) -> None:
        """Refuse a run whose views it cannot judge."""

    def open(self, folder: Path) -> None:
        """Keep what it learns from labels in a folder from now on; without it, it does not learn."""

    def late_labels(self, labels: tuple[str, ...]) -> None:
        """Take labels given after the judgement of the episode's last step."""

    def metrics(self) -> Mapping[str, float]:
        """Return measurements since the last call, for the line of an episode."""
        return {}

    def reset(self) -> None:
        """Begin an episode."""

    def judge(self, outcome: StepOutcome) -> Verdict:
        """Return the judgement of a step."""

    def finalise(self, reward: float, intervention_next: bool) -> float:
        """Return a step's final reward, given whether the human took over right after it."""
        return reward

    def recorded(self, reward: float) -> float:
        """Return the reward of a demonstrated step, whose recording this source may not have judged."""
        return reward

    def label_rules(self, rules: LabelRules) -> LabelRules:
        """Return the rules of labels that arrive after their step, given those of the sources of lower priority."""
        return rules
