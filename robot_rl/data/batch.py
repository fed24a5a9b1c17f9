"""Batches that the replay samples and a backend learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from robot_rl.core import checks

Imitated = Literal["none", "successes", "all"]
"""Interventions that are imitated: none, those in episodes that succeeded, or all."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """Number of steps of a sample, and the discount between two of them."""

    steps: int = 1
    discount: float = 1.0

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "steps")
        checks.fraction(self, "discount")


class Batch(NamedTuple):
    """Transitions of h steps, h at most the horizon H; arrays of numpy or of a backend.

    Shapes: B batch, U updates in front of it where the replay made it, A action.
    """

    obs: Mapping[str, Any]  # (B, ...) before the first action
    next_obs: Mapping[str, Any]  # (B, ...) after the last one
    action: Any  # (B, A) executed; (B, H, A) with a horizon above 1, zeros from step h on
    reward: Any  # (B,) sum of discount^i r_i over the h steps
    discount: Any  # (B,) discount^h, the weight of the value of next_obs
    terminated: Any  # (B,) 1 when the task ended, 0 when the episode continued or was truncated
    imitated: Any  # (B,) 1 for demonstrations and for interventions that are imitated, see `Replay`
    outcome: Any  # (B,) discount^k where the episode succeeded k steps later, else 0: what followed the step
