"""Update ratio: updates that the data allows, so that an idle robot does not cause endless updates on old data."""

import math
from dataclasses import dataclass

from robot_rl.core import checks


@dataclass(frozen=True)
class UpdateRatioConfig:
    """Limits on updates per transition.

    Raises:
        ConfigError: a negative number.
    """

    updates_per_transition: float = 2.0
    """Updates for each online transition. Source: 2-4 in SERL and HIL-SERL's defaults."""
    learning_starts: int = 100
    """Online transitions before the first update on them. Source: HIL-SERL 100, SERL 200-300."""
    pretrain_updates: int = 500
    """Updates on what is recorded alone, demonstrations or an earlier run, before any online data; 0 without."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, *vars(self))


def updates_allowed(config: UpdateRatioConfig, online: int, recorded: int, updates: int) -> int:
    """Return how many updates may be made now.

    budget = pretrain_updates [if anything is recorded]
           + updates_per_transition * online [once online >= learning_starts]

    Args:
        online: transitions that came from actors so far, those evicted since included.
        recorded: transitions of demonstrations and of an earlier run.
        updates: made so far.

    Example:
        >>> updates_allowed(UpdateRatioConfig(2.0, learning_starts=100, pretrain_updates=500), 100, 20, 600)
        100
    """
    budget = float(config.pretrain_updates if recorded else 0)
    if online >= max(1, config.learning_starts):
        budget += config.updates_per_transition * online
    return max(0, math.floor(budget) - updates)
