"""Random numbers by purpose: what is drawn for one purpose never coincides with what is drawn for another."""

from collections.abc import Iterator
from enum import IntEnum

import numpy as np

from robot_rl.core.errors import ConfigError

EPISODE_BITS = 28
"""Bits of an episode's seed below its purpose; the whole fits into 31, which any environment takes."""
LIMIT = 2**32


class Purpose(IntEnum):
    """Uses of random numbers; a number is never given to another use, so that runs can be repeated."""

    DEMONSTRATION = 0
    TRAINING = 1
    EVALUATION = 2
    HUMAN = 3
    EXPLORATION = 4
    ENCODING = 5
    CURVE = 6
    PRACTICE = 7


def generator(purpose: Purpose, seed: int, index: int = 0, session: int = 0) -> np.random.Generator:
    """Return the generator of a purpose.

    Args:
        seed: of the run.
        index: tells several of a kind apart, such as actors; for demonstrations and evaluation 0 is the episodes, 1 the
            steps, 2 the expert.
        session: differs where a process continues an earlier one, so that it does not repeat it.

    Raises:
        ConfigError: a number outside [0, 2^32).
    """
    for name, value in (("seed", seed), ("index", index), ("session", session)):
        if not 0 <= value < LIMIT:
            raise ConfigError(f"{name}: got {value}, expected 0 to {LIMIT - 1}; 0 is usual.")
    return np.random.default_rng([purpose, seed, index, session])


def episode_seeds(purpose: Purpose, seed: int, index: int = 0, session: int = 0) -> Iterator[int]:
    """Yield the seeds of a purpose's episodes, without end.

    Raises:
        ConfigError: a number outside [0, 2^32).
    """
    rng = generator(purpose, seed, index, session)
    return (episode_seed(purpose, rng) for _ in iter(int, 1))


def episode_seed(purpose: Purpose, rng: np.random.Generator) -> int:
    """Draw the seed of an episode; its highest bits are the purpose.

    Example:
        >>> rng = generator(Purpose.EVALUATION, seed=3)
        >>> episode_seed(Purpose.EVALUATION, rng) >> EPISODE_BITS == Purpose.EVALUATION
        True
    """
    return purpose << EPISODE_BITS | int(rng.integers(2**EPISODE_BITS))
