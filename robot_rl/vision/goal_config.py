"""Settings of a goal read-out; without JAX, so that `--help` is quick."""

from dataclasses import dataclass

from robot_rl.core import checks


@dataclass(frozen=True)
class GoalConfig:
    """Settings of a goal read-out's training.

    Raises:
        ConfigError: a number out of its range.
    """

    members: int = 3
    """Networks whose mean is read; 0: no read-out."""
    hidden: int = 128
    """Width of the two hidden layers."""
    steps: int = 1500
    """Updates."""
    batch: int = 256
    """Frames in an update."""
    learning_rate: float = 2e-3
    """Highest of a one-cycle schedule."""
    noise: float = 0.5
    """Standard deviation of the noise on standardised inputs, against eighty goals learned by heart."""
    seed: int = 0
    """Seed of first weights, frames and noise."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "members", "noise")
        checks.positive(self, "hidden", "steps", "batch", "learning_rate")
