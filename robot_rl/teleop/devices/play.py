"""Scripted play for the simulator: a person who moves the arm about, visits the object and leaves it again."""

from dataclasses import dataclass

import numpy as np

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.teleop.device import DeviceState, ScriptedDevice
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.scripted import Expert


@dataclass(frozen=True)
class PlaySettings:
    """Bursts of the scripted play.

    Raises:
        ConfigError: a number out of its range.
    """

    expert_share: float = 0.4
    """Share of the bursts that follow the expert; the others move in one random direction."""
    burst_steps: tuple[int, int] = (4, 15)
    """Shortest and longest burst [steps], drawn uniformly."""
    noise_std: float = 0.3
    """Standard deviation of the noise on each moving axis, in units of the action."""

    def __post_init__(self) -> None:
        checks.fraction(self, "expert_share")
        checks.at_least(self, 0, "noise_std")
        if not 1 <= self.burst_steps[0] <= self.burst_steps[1]:
            raise ConfigError(f"burst_steps: got {self.burst_steps}, expected 1 <= shortest <= longest; try (4, 15).")


class PlayDevice(ScriptedDevice):
    """Bursts of the expert and of random directions; the discrete heads always follow the expert."""

    Settings = PlaySettings

    @classmethod
    def open(cls, context: DeviceContext) -> "PlayDevice":
        """Return play over the simulator's expert.

        Raises:
            ConfigError: the environment has none.
        """
        return cls(context.expert(), context.rng, context.settings)

    def __init__(self, expert: Expert, rng: np.random.Generator, settings: PlaySettings) -> None:
        self._expert, self._rng, self._settings = expert, rng, settings
        self._moves = expert.layout.continuous_indices
        self._remaining, self._direction = 0, np.zeros(0)

    def reset(self) -> None:
        """Begin an episode."""
        self._expert.reset()
        self._remaining = 0

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the next action, engaged."""
        if self._remaining == 0:
            self._begin_burst()
        self._remaining -= 1
        action = np.array(self._expert.action(), np.float32)
        if len(self._direction):
            action[self._moves] = self._direction
        action[self._moves] += self._rng.normal(0.0, self._settings.noise_std, len(self._moves))
        return DeviceState(np.clip(action, -1.0, 1.0), engaged=True)

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def _begin_burst(self) -> None:
        shortest, longest = self._settings.burst_steps
        self._remaining = int(self._rng.integers(shortest, longest + 1))
        follows = self._rng.random() < self._settings.expert_share
        self._direction = np.zeros(0) if follows else self._rng.uniform(-1.0, 1.0, len(self._moves))
