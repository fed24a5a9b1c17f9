"""Parts of an action: axes that move in proportion, and heads that select a value."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from robot_rl.core.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class StateEntry:
    """One number of an observation: `observation[name][index]`."""

    name: str
    index: int


@dataclass(frozen=True)
class Continuous:
    """Axes with proportional effect; they may be blended.

    Raises:
        ConfigError: no axis.
    """

    name: str
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"{self.name}: got {self.size} axes, expected 1 or more; leave the part out.")


@dataclass(frozen=True)
class Discrete:
    """One axis that selects one of several values by the nearest level; it is never blended.

    Args:
        values: names of the values.
        levels: number on the axis that stands for each value, ascending, in [-1, 1].
        position: the observation's number that tells the present position, from 0 at the first value to 1 at the last;
            None where nothing measures it.

    Raises:
        ConfigError: fewer than two values, or levels that do not ascend within [-1, 1].
    """

    name: str
    values: tuple[str, ...]
    levels: tuple[float, ...]
    position: StateEntry | None = None
    size = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        object.__setattr__(self, "levels", tuple(float(level) for level in self.levels))
        levels = self.levels
        ascending = all(low < high for low, high in pairwise(levels))
        if len(self.values) < 2 or len(levels) != len(self.values) or not ascending or max(map(abs, levels)) > 1.0:
            raise ConfigError(
                f"{self.name}: got values {self.values} at levels {levels}, expected two or more values with one "
                "level each, ascending within [-1, 1]; correct the head."
            )

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """Limits between neighbouring values, one fewer than values."""
        return tuple((low + high) / 2 for low, high in pairwise(self.levels))

    @property
    def neutral(self) -> int:
        """Index of the value at 0: what an action of zeros selects."""
        return self.index(0.0)

    def index(self, level: float) -> int:
        """Return the index of the value nearest to a level; on a threshold, the one nearer to 0."""
        return sum(level > limit if limit >= 0 else level >= limit for limit in self.thresholds)

    def value(self, level: float) -> str:
        """Return the value nearest to a level."""
        return self.values[self.index(level)]

    def level(self, value: str) -> float:
        """Return the level that stands for a value.

        Raises:
            UnknownNameError: no such value.
        """
        if value not in self.values:
            raise unknown_name(f"{self.name} value", value, self.values)
        return self.levels[self.values.index(value)]


Part = Continuous | Discrete
