"""Indexes of the replay: the slots that can be sampled, by what the samples are for."""

from collections.abc import Callable

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.records import PRIOR_SOURCES, RECORDED, Source
from robot_rl.data.slots import SlotSet


class Indexes:
    """Online steps, demonstrations with what else is imitated, and steps of an earlier run.

    An online step that is imitated belongs to the first two; a step of an earlier run to the third one alone, without
    one to the demonstrations.

    Args:
        recorded: makes the sets of demonstrations and of an earlier run.
    """

    def __init__(self, slots: int, *, prior: bool = False, recorded: Callable[[int], SlotSet] = SlotSet) -> None:
        self.online, self.demonstrations = SlotSet(slots), recorded(slots)
        self.prior = recorded(slots if prior else 0)
        self._members = (self.online, self.demonstrations, *((self.prior,) if prior else ()))
        self._prior_sources = PRIOR_SOURCES if prior else frozenset[Source]()
        self._both = 0  # members of the first two

    def __len__(self) -> int:
        """Number of slots in any of them."""
        return sum(map(len, self._members)) - self._both

    def insert(self, slot: int, source: Source, imitated: bool) -> None:
        """Add a slot where its source belongs."""
        if source in self._prior_sources:
            self.prior.add(slot)
            return
        recorded = source in RECORDED
        if not recorded:
            self.online.add(slot)
        if recorded or imitated:
            self.demonstrations.add(slot)
        self._both += int(imitated and not recorded)

    def remove(self, slot: int) -> bool:
        """Remove a slot and return whether it was in one."""
        found = [slot in index for index in self._members]
        for index in self._members:
            index.remove(slot)
        self._both -= int(found[0] and found[1])
        return any(found)

    def draw(
        self, rng: np.random.Generator, batch: int, updates: int, demo_fraction: float, prior_fraction: float
    ) -> np.ndarray:
        """Return slots (updates, batch): demonstrations, then online steps, then those of an earlier run.

        An earlier run's share comes first out of the online steps' one. An index that is empty leaves its share to the
        others.

        Raises:
            ConfigError: all are empty, or a share outside [0, 1].
        """
        for name, share in (("demo_fraction", demo_fraction), ("prior_fraction", prior_fraction)):
            if not 0.0 <= share <= 1.0:
                raise ConfigError(f"{name}: got {share}, expected a share in [0, 1]; 0.5 is customary.")
        if not len(self):
            raise ConfigError("replay: got 0 transitions, expected 1 or more; wait for data before sampling.")
        counts = self._shares(batch, demo_fraction, prior_fraction)
        parts = zip((self.demonstrations, self.online, self.prior), counts, strict=True)
        return np.concatenate([index.draw(rng, (updates, count)) for index, count in parts if count], axis=1)

    def _shares(self, batch: int, demo_fraction: float, prior_fraction: float) -> tuple[int, int, int]:
        """Return how many samples come from demonstrations, online steps and an earlier run."""
        prior = round(batch * prior_fraction) if len(self.prior) else 0
        if not (len(self.online) or len(self.demonstrations)):
            return 0, 0, batch
        demonstrations = min(round(batch * demo_fraction), batch - prior)
        if not len(self.demonstrations):
            demonstrations = 0
        elif not len(self.online):
            demonstrations = batch - prior
        return demonstrations, batch - prior - demonstrations, prior
