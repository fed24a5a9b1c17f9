"""Who the scripted humans are: when they take over, for how long, and how well their hands obey."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class ActionNoise:
    """How far a hand falls short of the expert's intention; all zero is the expert's own hand.

    Raises:
        ConfigError: a number out of its range.
    """

    noise_std: float = 0.0
    """Standard deviation of the noise on each moving axis, in units of the action."""
    delay_steps: int = 0
    """The hand does what the expert wanted this many steps ago."""
    lapse_probability: float = 0.0
    """Chance per step that attention lapses: the hand then rests."""
    lapse_steps: int = 3
    """How long a lapse lasts [steps]."""

    def __post_init__(self) -> None:
        checks.fraction(self, "lapse_probability")
        checks.at_least(self, 0, "noise_std", "delay_steps", "lapse_steps")


@dataclass(frozen=True)
class ScriptedHumanConfig:
    """When the scripted human takes over, for how long, and how well.

    Raises:
        ConfigError: a number out of its range.
    """

    probability_worse: float = 0.95
    """Chance per step of taking over where the policy is worse than the expert. Source: RLIF."""
    probability_otherwise: float = 0.05
    """Chance per step of taking over elsewhere. Source: RLIF."""
    threshold: float = 0.5
    """Running distance between the policy's and the expert's action above which the policy is worse, in [0, 2]."""
    intervene_after_steps: int | None = None
    """Steps of an episode after which the policy counts as worse, whatever it does: somebody who watches an arm that
    is stuck reaches for the stick. None is patient without end."""
    memory: float = 0.7
    """Weight of the past in the running distance, in [0, 1); 0 judges each step by itself."""
    burst_steps: tuple[int, int] = (5, 15)
    """Shortest and longest intervention [steps], drawn uniformly. Source: RLIF 4-5."""
    free_steps: int = 0
    """First steps of an episode in which the policy is left alone."""
    rest_steps: int = 0
    """Steps after an intervention in which the policy is left alone."""
    attention: float = 1.0
    """Share of the episodes that the human watches at the start; the others the policy runs alone."""
    attention_floor: float = 0.0
    """Share of the episodes that the human still watches in the end."""
    attention_half_life_steps: float = math.inf
    """Environment steps after which the watched share has fallen half way to its floor; infinity never tapers."""
    action_noise: ActionNoise = field(default_factory=ActionNoise)
    """How well the hand follows the expert."""

    def __post_init__(self) -> None:
        checks.fraction(self, "probability_worse", "probability_otherwise", "memory", "attention", "attention_floor")
        checks.at_least(self, 0, "threshold", "free_steps", "rest_steps", "intervene_after_steps")
        checks.positive(self, "attention_half_life_steps", infinite=True)  # infinity never tapers
        shortest, longest = self.burst_steps
        if not 1 <= shortest <= longest:
            raise ConfigError(
                f"burst_steps: got {self.burst_steps}, expected 1 <= shortest <= longest; (5, 15) is usual."
            )

    def watched_share(self, env_steps: int) -> float:
        """Return the share of episodes that the human watches after `env_steps` of training."""
        faded = 0.5 ** (env_steps / self.attention_half_life_steps)
        return self.attention_floor + (self.attention - self.attention_floor) * faded


EXPERT = ScriptedHumanConfig()
SCRIPTED_HUMANS: dict[str, ScriptedHumanConfig] = {
    "expert": EXPERT,
    "clumsy": replace(EXPERT, action_noise=ActionNoise(noise_std=0.2, delay_steps=2, lapse_probability=0.05)),
    "rlif": replace(EXPERT, burst_steps=(4, 5)),
}


def scripted_human_config(name: str) -> ScriptedHumanConfig:
    """Return a scripted human by name.

    Raises:
        UnknownNameError: nobody is called that.
    """
    if name not in SCRIPTED_HUMANS:
        raise unknown_name("scripted human", name, SCRIPTED_HUMANS)
    return SCRIPTED_HUMANS[name]
