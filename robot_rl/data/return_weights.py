"""Return-weighted samples of mixed data: steps of good episodes are drawn more often.

    p(step) ~ exp((G - G_min) / (G_max - G_min) / temperature)

G is the return of the step's episode, the sum of its rewards without discount; G_min and G_max are the lowest and the
highest return in the index that is drawn from. All steps are alike where all returns are.
Source: Hong et al. 2023, arXiv 2306.13085, return weighting.
"""

from collections.abc import Collection

import numpy as np

from robot_rl.data.slots import SlotSet

ROUNDING = 1e-6
"""Difference of returns, relative to their size, that is none: rewards are kept in single precision."""


class EpisodeReturns:
    """Return of the episode of each slot: what it gathered until now, also in steps that left the memory."""

    def __init__(self, slots: int, temperature: float) -> None:
        self.values = np.zeros(slots)
        self.revision = 0
        self._temperature = temperature

    def weighted_set(self, slots: int) -> SlotSet:
        """Return an empty set that draws by these returns."""
        return ReturnWeightedSet(slots, self, self._temperature)

    def continued(self, slot: int, episode: Collection[int], change: float) -> None:
        """Add what a new slot's step changed to its episode's return.

        Args:
            episode: slots of the episode in memory.
        """
        self.values[slot] = next((self.values[other] for other in episode if other != slot), 0.0)
        self.changed(episode, change)

    def changed(self, episode: Collection[int], change: float) -> None:
        """Add a change to the return of an episode."""
        if change:
            self.values[list(episode)] += change
            self.revision += 1


class ReturnWeightedSet(SlotSet):
    """A set of slots drawn by the returns of their episodes; what is drawn depends on the members alone."""

    def __init__(self, slots: int, returns: EpisodeReturns, temperature: float) -> None:
        super().__init__(slots)
        self._returns, self._temperature = returns, temperature
        self._summed, self._state = np.zeros(0), (-1, -1)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return slots drawn with replacement, of the given shape, int64."""
        if self._state != (state := (self.revision, self._returns.revision)):
            self._summed, self._state = np.cumsum(self._weights()), state
        places = np.searchsorted(self._summed, rng.random(shape) * self._summed[-1], side="right")
        return self._dense[np.minimum(places, self._count - 1)]  # rounding may reach the sum

    def _weights(self) -> np.ndarray:
        """Return the weight of each member (count,), 1 at the highest return."""
        returns = self._returns.values[self._dense[: self._count]]
        low, high = returns.min(), returns.max()
        if high - low <= ROUNDING * max(abs(low), abs(high)):
            return np.ones(self._count)
        return np.exp((returns - high) / (high - low) / self._temperature)
