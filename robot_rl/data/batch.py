"""Batches that the replay samples and a backend learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from robot_rl.core import checks
from robot_rl.core.records import Source

Imitated = Literal["none", "successes", "all", "episodes"]
"""Steps that are imitated beside demonstrations: no interventions, those in episodes that succeeded, or all of them; or
whole `episodes` that succeeded, the policy's own steps, too."""


def imitated_sources(imitate: Imitated) -> tuple[frozenset[Source], frozenset[Source]]:
    """Return the sources whose steps are imitated always, and those whose steps are once their episode succeeded."""
    demonstrated, human = frozenset({Source.DEMONSTRATION}), frozenset({Source.HUMAN})
    return {
        "none": (demonstrated, frozenset[Source]()),
        "successes": (demonstrated, human),
        "all": (demonstrated | human, frozenset[Source]()),
        "episodes": (demonstrated, human | {Source.POLICY}),
    }[imitate]


@dataclass(frozen=True, slots=True)
class Horizon:
    """Number of steps of a sample, and the discount between two of them."""

    steps: int = 1
    discount: float = 1.0
    over_takeovers: bool = False
    """Whether a sample goes on where the human takes over or lets go: its actions are judged as executed, whoever chose
    them. It is imitated if all its steps are."""

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
    imitated: Any  # (B,) 1 for demonstrations and what else is imitated, see `Replay`
    outcome: Any  # (B,) discount^k where the episode succeeded k steps later, else 0: what followed the step
