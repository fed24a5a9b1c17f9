"""Recorded episodes as a device: their actions again, open loop, for tests and for the repeatability of an arm.

Each episode takes the next recorded one, and begins again after the last. After its last action the arm rests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import format_of, make_format
from robot_rl.teleop.device import DeviceState, ScriptedDevice
from robot_rl.teleop.devices import DeviceContext

ROUNDING = 1e-9


@dataclass(frozen=True)
class PlaybackSettings:
    """Recorded episodes to play."""

    episodes: str = ""
    """Folder of recorded episodes or of a run, in any format."""
    only: tuple[int, ...] = ()
    """Numbers of the episodes, in this order; by default all of them."""
    labels: bool = False
    """Label each one with its recorded result at its last action; by default only what judges the task does."""


class RecordedMotion(NamedTuple):
    """Actions (T, A) float32 of one episode, and whether it succeeded."""

    actions: np.ndarray
    success: bool


def read_motions(settings: PlaybackSettings, size: int) -> list[RecordedMotion]:
    """Return the executed actions of recorded episodes.

    Raises:
        ConfigError: no folder, no such episode, or actions of another size.
    """
    folder = Path(settings.episodes)
    dataset = make_format(format_of(folder)) if settings.episodes and folder.is_dir() else None
    if dataset is None or not dataset.count(folder):
        raise ConfigError(
            f"playback: got episodes {settings.episodes!r}, expected a folder with recorded episodes; "
            "add --human.settings episodes FOLDER."
        )
    motions = [
        RecordedMotion(np.stack([step.action for step in steps]), any(step.success for step in steps))
        for steps, _ in dataset.read(folder)
    ]
    for motion in motions:
        if motion.actions.shape[1] != size:
            raise ConfigError(
                f"playback: got actions of {motion.actions.shape[1]} numbers in {folder}, expected {size}; "
                "name the task that they were recorded for."
            )
    if wrong := [number for number in settings.only if not 0 <= number < len(motions)]:
        raise ConfigError(f"playback: got only {wrong[0]}, expected numbers of 0 to {len(motions) - 1} in {folder}.")
    return [motions[number] for number in settings.only] or motions


class PlaybackDevice(ScriptedDevice):
    """Plays recorded actions, one a step; beside a dead-man it waits while that is released.

    Args:
        reads_a_step: how many times it is read while one action acts.
    """

    Settings = PlaybackSettings

    @classmethod
    def open(cls, context: DeviceContext) -> "PlaybackDevice":
        """Return the playback of the settings' episodes.

        Raises:
            ConfigError: there are none, or of another task.
        """
        settings = context.settings
        return cls(read_motions(settings, context.layout.size), settings.labels, context.reads_a_step)

    def __init__(self, motions: Sequence[RecordedMotion], labels: bool = False, reads_a_step: float = 1.0) -> None:
        self._motions, self._labels, self._share = motions, labels, 1.0 / reads_a_step
        self._number, self._step, self._held = -1, 0.0, True

    def enable(self, held: bool) -> None:
        """Wait while another device's dead-man is released."""
        self._held = held

    def reset(self) -> None:
        """Begin the next recorded episode."""
        self._number, self._step = (self._number + 1) % len(self._motions), 0.0

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the next recorded action, engaged; none after the last."""
        motion, index = self._motions[max(self._number, 0)], int(self._step + ROUNDING)
        if not self._held or index >= len(motion.actions):
            return DeviceState()
        self._step += self._share
        ends = index == len(motion.actions) - 1 and int(self._step + ROUNDING) > index
        labels = ("success" if motion.success else "failure",) if ends and self._labels else ()
        return DeviceState(motion.actions[index], engaged=True, labels=labels)

    def watch(self) -> DeviceState:
        """Return no motion: only a step goes on."""
        return DeviceState()

    @property
    def detail(self) -> str:
        """Where the playback is."""
        number = max(self._number, 0)
        return f"episode {number}, step {int(self._step + ROUNDING)} of {len(self._motions[number].actions)}"
