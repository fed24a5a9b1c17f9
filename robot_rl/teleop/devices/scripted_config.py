"""Configuration of the scripted operator: when it intervenes, for how long, how noisily."""

import math
from dataclasses import dataclass, field

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError


@dataclass(frozen=True)
class ActionNoise:
    """Gain, noise, delay and dropouts of a scripted operator's actions; the defaults execute the expert exactly.

    Raises:
        ConfigError: a number out of its range.
    """

    gain: float = 1.0
    """Share of the expert's motion that is executed. An expert covers the whole remaining way in each step, which
    oscillates where it is delayed; who reacts late moves slower. Source: McRuer and Krendel 1974, crossover model."""
    noise_std: float = 0.0
    """Standard deviation of the noise on each moving axis, in units of the action."""
    delay_steps: int = 0
    """Delay between the expert's action and its execution [steps]."""
    lapse_probability: float = 0.0
    """Probability per step of a dropout, during which the action is zero."""
    lapse_steps: int = 3
    """Length of a dropout [steps]."""

    def __post_init__(self) -> None:
        checks.fraction(self, "gain", "lapse_probability")
        checks.at_least(self, 0, "noise_std", "delay_steps", "lapse_steps")


@dataclass(frozen=True)
class LabelHabits:
    """How a scripted operator labels success and failure; by default never.

    Raises:
        ConfigError: a number out of its range.
    """

    probability: float = 0.0
    """Share of the events that it labels at all."""
    wrong_probability: float = 0.0
    """Share of the labels that name the opposite."""
    delay_steps: tuple[int, int] = (3, 6)
    """Shortest and longest time from event to label [steps], drawn uniformly."""

    def __post_init__(self) -> None:
        checks.fraction(self, "probability", "wrong_probability")
        shortest, longest = self.delay_steps
        if not 1 <= shortest <= longest:
            raise ConfigError(
                f"delay_steps: got {self.delay_steps}, expected 1 <= shortest <= longest; (3, 6) is usual."
            )


@dataclass(frozen=True)
class ScriptedHumanConfig:
    """When the scripted operator intervenes, for how long, how noisily.

    Raises:
        ConfigError: a number out of its range.
    """

    probability_worse: float = 0.95
    """Probability per step of intervening where the policy is worse than the expert. Source: RLIF."""
    probability_otherwise: float = 0.05
    """Probability per step of intervening elsewhere. Source: RLIF."""
    threshold: float = 0.5
    """Running distance between the policy's and the expert's action above which the policy is worse, in [0, 2]."""
    intervene_after_steps: int | None = None
    """Intervene after this many steps of an episode (stuck policy); None: never for that reason."""
    memory: float = 0.7
    """Weight of the past in the running distance, in [0, 1); 0 judges each step by itself."""
    burst_steps: tuple[int, int] = (5, 15)
    """Shortest and longest intervention [steps], drawn uniformly. Source: RLIF, 4 to 5."""
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
    reaction_steps: int = 0
    """Age of what the operator judges [steps]; 0 judges the policy's action before it is executed, as no person can."""
    action_noise: ActionNoise = field(default_factory=ActionNoise)
    """Noise of the executed actions."""
    labels: LabelHabits = field(default_factory=LabelHabits)
    """Labels of success and failure."""

    def __post_init__(self) -> None:
        checks.fraction(self, "probability_worse", "probability_otherwise", "memory", "attention", "attention_floor")
        checks.at_least(self, 0, "threshold", "free_steps", "rest_steps", "intervene_after_steps", "reaction_steps")
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


CLUMSY = ActionNoise(noise_std=0.2, delay_steps=2, lapse_probability=0.05)
"""An operator whose motion is noisy, late and sometimes pauses; hardly ever succeeds alone."""
LATE = ActionNoise(gain=0.4, noise_std=0.08, delay_steps=2, lapse_probability=0.05)
"""An operator as late and absent as that, but slow enough to succeed alone about every second time."""
