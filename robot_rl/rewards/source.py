"""What a reward source sees of a step, and what it may say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


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


class GroundTruth(RewardSource):
    """The environment's own reward, end and success (simulator, or an instrumented cell)."""

    name = "ground-truth"
    priority = 10

    def judge(self, outcome: Outcome) -> Verdict:
        """Return what the environment said."""
        return Verdict(outcome.reward, outcome.terminated, outcome.success)


class HumanLabels(RewardSource):
    """The operator's live labels: success ends the episode with 1, failure with 0, a stage pays a part.

    `undo` changes the past and is the learner's matter; here it has no opinion.
    """

    name = "human-label"
    priority = 30

    def __init__(self, stage_reward: float = 0.25) -> None:
        self._stage_reward = stage_reward

    def judge(self, outcome: Outcome) -> Verdict:
        """Return the verdict of the last label of this step."""
        verdicts = {
            "success": Verdict(1.0, True, True),
            "failure": Verdict(0.0, True, False),
            "stage": Verdict(self._stage_reward),
        }
        return next((verdicts[label] for label in reversed(outcome.labels) if label in verdicts), Verdict())


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
