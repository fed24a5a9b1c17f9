"""Memory of the replay: one row per slot."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.records import Observation, StepRecord
from robot_rl.core.schema import StepSchema

NONE = -1


@dataclass
class Columns:
    """Arrays with one row per slot: the frame, its action and result, and the slots before and after it."""

    obs: dict[str, np.ndarray]
    action: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    source: np.ndarray
    imitated: np.ndarray  # demonstrations, and what else is imitated, see `Replay`
    steps_to_success: np.ndarray  # until the last step of an episode that succeeded, else NONE
    step: np.ndarray
    next_slot: np.ndarray
    previous_slot: np.ndarray
    serial: np.ndarray  # counts writes: distinguishes a frame from its successor in the slot
    excluded: np.ndarray  # never sampled: not observed, or removed by a label

    @classmethod
    def empty(cls, schema: StepSchema, slots: int) -> Self:
        """Return zeroed rows; the system allocates memory when it is first written.

        Raises:
            ConfigError: more than the system can allocate.
        """
        try:
            obs = {name: np.zeros((slots, *spec.shape), spec.dtype) for name, spec in schema.observation.items()}
        except MemoryError as error:
            size_gb = slots * sum(spec.nbytes for spec in schema.observation.values()) / 1e9
            raise ConfigError(
                f"capacity: got {slots} frames of {size_gb:.1f} GB in all, expected fewer; lower the capacity."
            ) from error
        return cls(
            obs=obs,
            action=np.zeros((slots, schema.action.size), schema.action_spec.dtype),
            reward=np.zeros(slots, np.float32),
            terminated=np.zeros(slots, bool),
            source=np.zeros(slots, np.uint8),
            imitated=np.zeros(slots, bool),
            steps_to_success=np.full(slots, NONE, np.int64),
            step=np.zeros(slots, np.int64),
            next_slot=np.full(slots, NONE, np.int64),
            previous_slot=np.full(slots, NONE, np.int64),
            serial=np.full(slots, NONE, np.int64),
            excluded=np.zeros(slots, bool),
        )

    def clear(self, slot: int, serial: int) -> None:
        """Clear a row for its next frame."""
        self.next_slot[slot] = self.previous_slot[slot] = self.steps_to_success[slot] = NONE
        self.excluded[slot] = False
        self.serial[slot] = serial

    def write_frame(self, slot: int, obs: Observation) -> None:
        """Write a frame without an action: the one that closes an episode."""
        for name, rows in self.obs.items():
            rows[slot] = obs[name]

    def write(self, slot: int, record: StepRecord) -> None:
        """Write a step."""
        self.write_frame(slot, record.obs)
        self.action[slot] = record.action
        self.reward[slot] = record.reward
        self.terminated[slot] = record.terminated
        self.source[slot] = record.source
        self.step[slot] = record.step
        self.excluded[slot] = not record.observed
