"""Returns that the data shows, to compare the critics' Q with."""

from collections import deque
from typing import NamedTuple

import numpy as np

from robot_rl.core.records import RECORDED, StepRecord

WINDOW = 50
"""Newest episodes of actors over which returns are averaged."""


class _Open(NamedTuple):
    """An episode that goes on."""

    episode: int
    rewards: list[float]
    recorded: bool


class Returns:
    """Discounted returns of whole episodes, from their records as they come.

    The return of a step is what followed it: G_t = r_t + discount G_(t+1), at the end of an episode that was truncated
    what it gathered until then. Q of a policy that does better than its data lies above their mean. Labels that come
    after the end of an episode do not change its returns.
    """

    def __init__(self, discount: float) -> None:
        self._discount = discount
        self._open: dict[tuple[str, str], _Open] = {}
        self._means: deque[float] = deque(maxlen=WINDOW)
        self._lowest, self._highest, self._largest_reward = np.inf, -np.inf, -np.inf

    def add(self, record: StepRecord) -> None:
        """Add a record; an episode of which one is missing does not count."""
        actor = (record.actor, record.run)
        if record.step == 0:
            self._open[actor] = _Open(record.episode, [], record.source in RECORDED)
        episode = self._open.get(actor)
        if episode is None or (episode.episode, len(episode.rewards)) != (record.episode, record.step):
            self._open.pop(actor, None)
            return
        episode.rewards.append(record.reward)
        if record.last:
            self._close(self._open.pop(actor))

    def metrics(self) -> dict[str, float]:
        """Return the mean of actors' newest episodes, and the bounds of all; nothing before the first."""
        if self._highest < self._lowest:
            return {}
        bounds = {"return_min": self._lowest, "return_max": self._highest, "reward_max": self._largest_reward}
        return bounds | ({"return_mean": float(np.mean(self._means))} if self._means else {})

    def _close(self, episode: _Open) -> None:
        returns, value = np.array(episode.rewards, float), 0.0
        for place in reversed(range(returns.size)):
            returns[place] = value = returns[place] + self._discount * value
        self._lowest, self._highest = min(self._lowest, float(returns.min())), max(self._highest, float(returns.max()))
        self._largest_reward = max(self._largest_reward, *episode.rewards)
        if not episode.recorded:
            self._means.append(float(returns.mean()))
