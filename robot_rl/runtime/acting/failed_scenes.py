"""Scenes that failed lately, to be practised."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

FAILED_MAX = 20
"""Failed scenes that are kept; the oldest one leaves first."""


class Scene(NamedTuple):
    """Scene of one episode."""

    seed: int
    """Of the environment's reset: the same seed makes the same scene, on a real arm the same start of the arm."""
    failed_in: int | None = None
    """Number of the failed episode whose scene it repeats; None: a new scene."""

    @property
    def line(self) -> dict[str, Any]:
        """What the episode's line of metrics holds of it."""
        return {"scene": self.seed, "practice": self.failed_in is not None}

    @property
    def wanted(self) -> str:
        """What a person who sets the scene reads of it."""
        return "" if self.failed_in is None else f", as it was in episode {self.failed_in}, which failed"


class FailedScenes:
    """Failed scenes, each until the policy succeeds there alone: a human's success leaves it in."""

    def __init__(self, scenes: Iterable[Scene] = ()) -> None:
        self._episodes: dict[int, int | None] = dict(scenes)  # seed -> the last failed episode, oldest first

    def scenes(self) -> tuple[Scene, ...]:
        """Return the scenes, oldest first."""
        return tuple(Scene(*item) for item in self._episodes.items())

    def add(self, seed: int, episode: int, *, success: bool, alone: bool) -> None:
        """Note how an episode ended."""
        if not success:
            self._episodes.pop(seed, None)
            self._episodes[seed] = episode
        elif alone:
            self._episodes.pop(seed, None)
        if len(self._episodes) > FAILED_MAX:
            del self._episodes[next(iter(self._episodes))]


def failed_scenes(lines: Iterable[Mapping[str, Any]]) -> tuple[Scene, ...]:
    """Return the scenes that earlier sessions left, from their lines of episodes."""
    scenes = FailedScenes()
    for line in lines:
        if line.get("scene") is not None:
            place = int(line["scene"]), int(line["episode"])
            scenes.add(*place, success=line["success"], alone=not line["human_steps"])
    return scenes.scenes()
