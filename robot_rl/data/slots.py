"""Slots of the replay: rings that allocate them in turn, and index sets sampled in constant time."""

import numpy as np


class SlotRing:
    """A contiguous range of slots allocated in turn; the oldest is reused when all are used."""

    def __init__(self, start: int, size: int) -> None:
        self._start, self._size, self._head = start, size, 0

    def take(self) -> int:
        """Return the slot to write next; its content is the oldest of this ring."""
        slot = self._start + self._head
        self._head = (self._head + 1) % self._size
        return slot


class SlotSet:
    """A set of slots with O(1) add, remove and uniform draw (dense array, removal swaps the last one in)."""

    def __init__(self, slots: int) -> None:
        self._dense = np.empty(slots, dtype=np.int64)
        self._position = np.full(slots, -1, dtype=np.int64)
        self._count = 0
        self.revision = 0
        """Number of changes."""

    def __len__(self) -> int:
        return self._count

    def __contains__(self, slot: int) -> bool:
        return bool(self._position[slot] >= 0)

    def add(self, slot: int) -> None:
        """Add a slot; adding twice changes nothing."""
        if slot in self:
            return
        self._dense[self._count] = slot
        self._position[slot] = self._count
        self._count += 1
        self.revision += 1

    def remove(self, slot: int) -> None:
        """Remove a slot; removing an absent one changes nothing."""
        position = self._position[slot]
        if position < 0:
            return
        self._count -= 1
        self.revision += 1
        last = self._dense[self._count]
        self._dense[position], self._position[last] = last, position
        self._position[slot] = -1

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return slots drawn uniformly with replacement, of the given shape, int64."""
        return self._dense[rng.integers(0, self._count, size=shape)]

    def all(self) -> np.ndarray:
        """Return a copy of the members, in no particular order."""
        return self._dense[: self._count].copy()
