"""Schedule of an actor's episodes: their scenes, which of them failed before, and which do not explore."""

import math
from collections.abc import Collection

from robot_rl.core.labels import LABEL_RULES
from robot_rl.core.seeds import Purpose, episode_seeds, generator
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.failed_scenes import FailedScenes, Scene


class Schedule:
    """Draws the scene of each episode: a new one, or one that failed lately, by the settings' share.

    Args:
        newest: whether the newest failure alone is repeated, since a person remembers no other; else any.
    """

    def __init__(self, config: ActorConfig, *, newest: bool = False) -> None:
        place = config.seed, config.index, config.first_episode
        self._seeds, self._rng = episode_seeds(Purpose.TRAINING, *place), generator(Purpose.PRACTICE, *place)
        self._practice, self._greedy = config.practice_fraction, config.deterministic_fraction
        self._newest_only = newest
        self._failed = FailedScenes(config.failed_scenes)
        self._newest: tuple[int, int, bool] | None = None  # seed, episode, whether the policy was alone

    def draw(self) -> Scene:
        """Return the next episode's scene."""
        failed = self._failed.scenes()
        if failed and self._rng.random() < self._practice:
            return failed[-1 if self._newest_only else self._rng.integers(len(failed))]
        return Scene(next(self._seeds))

    def is_greedy(self, episode: int) -> bool:
        """Return whether the policy does not explore in an episode, so that the settings' share are such.

        Example:
            >>> schedule = Schedule(ActorConfig(deterministic_fraction=0.5))
            >>> [schedule.is_greedy(episode) for episode in range(4)]
            [False, True, False, True]
        """
        return math.floor((episode + 1) * self._greedy) > math.floor(episode * self._greedy)

    def end(self, scene: Scene, episode: int, *, success: bool, alone: bool) -> None:
        """Note how an episode ended that no fault and no stop cut off."""
        self._newest = scene.seed, episode, alone
        self._failed.add(scene.seed, episode, success=success, alone=alone)

    def label(self, labels: Collection[str]) -> None:
        """Note what a person says of the newest episode after its end."""
        for success in (LABEL_RULES[label].success for label in labels):
            if success is not None and self._newest is not None:
                seed, episode, alone = self._newest
                self._failed.add(seed, episode, success=success, alone=alone)
