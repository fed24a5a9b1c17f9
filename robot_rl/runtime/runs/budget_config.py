"""Settings of the end of a training, and of its evaluation."""

from dataclasses import dataclass

from robot_rl.core import checks


@dataclass(frozen=True)
class BudgetConfig:
    """End of training, at the first limit that is reached.

    Raises:
        ConfigError: a limit that is not positive.
    """

    minutes: float | None = 8.0
    """Wall time of training, from the start of the processes [min]; without demonstrations and evaluation.
    A resumed run gets as much again."""
    env_steps: int | None = None
    """Environment steps of all actors; None: no limit. A resumed run gets as many again."""
    stop_success: float | None = None
    """Stop early once this share of the last `stop_window` training episodes succeeded; None: never. A resumed
    run counts the episodes from then on."""
    stop_window: int = 50
    """Window of the early stop [episodes]."""

    def __post_init__(self) -> None:
        checks.positive(self, "minutes", "env_steps", "stop_success")
        checks.at_least(self, 1, "stop_window")
        checks.fraction(self, "stop_success")


@dataclass(frozen=True)
class EvaluationConfig:
    """Evaluation of the trained policy, and of those on the way there: deterministic, alone.

    Raises:
        ConfigError: a negative number.
    """

    episodes: int = 100
    """Episodes; 0: no evaluation."""
    seed: int = 10_000
    """Seed of the episodes, disjoint from those of training."""
    video_episodes: int = 5
    """Episodes in the video."""
    every: int | None = None
    """Environment steps between two policies that are evaluated on the way, the first at step 0; simulator only, in a
    process of its own that takes what learner and actors leave of the processor. None: none."""
    every_episodes: int = 30
    """Episodes of each of them."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "episodes", "seed", "video_episodes")
        checks.at_least(self, 1, "every", "every_episodes")
