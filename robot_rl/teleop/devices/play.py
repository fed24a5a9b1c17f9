"""Scripted play for the simulator: a person who moves the arm about near the object, then does the task."""

from dataclasses import dataclass, field

import numpy as np

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.teleop.device import DeviceState, Expert, ScriptedDevice
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.scripted_config import LabelHabits
from robot_rl.teleop.devices.scripted_labels import ScriptedLabels


@dataclass(frozen=True)
class PlaySettings:
    """Bursts of the scripted play.

    Raises:
        ConfigError: a number out of its range.
    """

    wander_steps: tuple[int, int] = (5, 20)
    """Fewest and most steps of an episode [steps] before the task is done, drawn uniformly."""
    expert_share: float = 0.5
    """Share of the bursts that follow the expert meanwhile; the others move in one random direction."""
    burst_steps: tuple[int, int] = (2, 6)
    """Shortest and longest burst [steps], drawn uniformly."""
    noise_std: float = 0.3
    """Standard deviation of the noise on each moving axis while wandering, in units of the action."""
    labels: LabelHabits = field(default_factory=lambda: LabelHabits(probability=0.97, wrong_probability=0.02))
    """Labels of success and failure."""

    def __post_init__(self) -> None:
        checks.fraction(self, "expert_share")
        checks.at_least(self, 0, "noise_std")
        for name in ("burst_steps", "wander_steps"):
            shortest, longest = getattr(self, name)
            if not 1 <= shortest <= longest:
                raise ConfigError(f"{name}: got {(shortest, longest)}, expected 1 <= shortest <= longest; try (5, 10).")


class PlayDevice(ScriptedDevice):
    """Bursts of the expert and of random directions, then the expert alone; the discrete heads always follow it."""

    Settings = PlaySettings

    @classmethod
    def open(cls, context: DeviceContext) -> "PlayDevice":
        """Return play over the simulator's expert.

        Raises:
            ConfigError: the environment has none.
        """
        labels = ScriptedLabels(context.outcome(), context.settings.labels, context.rng.spawn(1)[0])
        return cls(context.expert(), context.rng, context.settings, labels)

    def __init__(
        self, expert: Expert, rng: np.random.Generator, settings: PlaySettings, labels: ScriptedLabels
    ) -> None:
        self._expert, self._rng, self._settings, self._labels = expert, rng, settings, labels
        self._moves = expert.layout.continuous_indices
        self.reset()

    def reset(self) -> None:
        """Begin an episode."""
        self._expert.reset()
        self._labels.reset()
        self._remaining, self._direction = 0, np.zeros(0)
        self._wander = self._draw(self._settings.wander_steps)

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the next action, engaged."""
        if self._remaining == 0:
            self._begin_burst()
        self._remaining -= 1
        self._wander -= 1
        action = np.array(self._expert.action(), np.float32)
        if len(self._direction):
            action[self._moves] = self._direction
        if self._wander > 0:
            action[self._moves] += self._rng.normal(0.0, self._settings.noise_std, len(self._moves))
        return DeviceState(np.clip(action, -1.0, 1.0), engaged=True, labels=self._labels.read())

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def _begin_burst(self) -> None:
        self._remaining = self._draw(self._settings.burst_steps)
        follows = self._wander <= 0 or self._rng.random() < self._settings.expert_share
        self._direction = np.zeros(0) if follows else self._rng.uniform(-1.0, 1.0, len(self._moves))

    def _draw(self, bounds: tuple[int, int]) -> int:
        return int(self._rng.integers(bounds[0], bounds[1] + 1))
