"""Penalty of the policy's steps before an intervention: a human who takes the arm says that they led nowhere good."""

from dataclasses import dataclass

from robot_rl.core import checks
from robot_rl.core.records import Source
from robot_rl.data.columns import NONE, Columns

_POLICY = {Source.HUMAN: Source.POLICY, Source.PRIOR_HUMAN: Source.PRIOR}


@dataclass(frozen=True)
class InterventionPenalty:
    """Settings of the penalty.

    Raises:
        ConfigError: a negative penalty, or fewer than one step.
    """

    reward: float = 0.0
    """Taken from the reward of each of the policy's last steps before an intervention, beside the task's; 0: none. A
    few hundredths where success pays 1. Source: RLIF, Luo et al. 2023 (arXiv 2311.12996), takes 1 from the last step
    alone and pays nothing else."""
    steps: int = 5
    """Number of those steps, fewer where the human let go more recently."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "reward")
        checks.at_least(self, 1, "steps")


NO_PENALTY = InterventionPenalty()


def penalise(columns: Columns, slot: int, penalty: InterventionPenalty) -> float:
    """Lower the rewards of the policy's steps before a slot, if an intervention starts there; return by how much."""
    taken = 0.0
    policy, before = _POLICY.get(Source(columns.source[slot])), int(columns.previous_slot[slot])
    for _ in range(penalty.steps if penalty.reward else 0):
        if before == NONE or columns.source[before] != policy:
            break
        columns.reward[before] -= penalty.reward
        taken += penalty.reward
        before = int(columns.previous_slot[before])
    return taken
