"""Settings of one actor, and of a restarted one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from robot_rl.core import checks
from robot_rl.runtime.acting.failed_scenes import Scene, failed_scenes

START = "start"
"""Kind of the metrics line that an actor process writes before its first episode."""
END = "end"
"""Kind of the one that it writes when it ends in good order, once its last records were acknowledged, or not."""


@dataclass(frozen=True)
class ActorConfig:
    """Settings of one actor.

    Raises:
        ConfigError: a number out of its range.
    """

    name: str = "actor-0"
    """Name of this actor; each actor of a run has its own."""
    run: str = "run"
    """Name of the run that its records belong to."""
    seed: int = 0
    """Seed of the episodes, the exploration and the encoder's random shifts."""
    index: int = 0
    """Number of this actor, which tells its episodes from those of the others."""
    updates_per_step: float | None = None
    """Between two episodes, wait until the weights in use have had this many updates per step: the
    outcome of an experiment then does not depend on how fast the machine is. None never waits."""
    max_env_steps: int | None = None
    """Stop after this many steps, including earlier sessions; None: no limit."""
    max_episodes: int | None = None
    """Stop after this many episodes of this session; None: no limit."""
    deterministic_fraction: float = 0.0
    """Fraction of the episodes in which the policy does not explore, evenly spread."""
    practice_fraction: float = 0.0
    """Fraction of the episodes that start from a scene that failed lately, once there is one."""
    failed_scenes: tuple[Scene, ...] = ()
    """Scenes that failed in earlier sessions."""
    await_weights_s: float = 0.0
    """Longest wait for the learner's first weights before the first episode [s]; 0 starts at once."""
    first_episode: int = 0
    """Number of the first episode, past those of earlier sessions."""
    first_env_step: int = 0
    """Steps of earlier sessions."""
    died: str = ""
    """Why the session before died; empty where it did not. A real arm then stays where it is until the person's go."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "seed", "index")
        checks.fraction(self, "deterministic_fraction", "practice_fraction")


def resumed(config: ActorConfig, events: Iterable[Mapping[str, Any]], steps: int = 0) -> ActorConfig:
    """Return the settings with which an actor continues after the sessions that wrote these metrics.

    No episode number is given twice: a session may have died in the middle of an episode, whose records were sent
    although its line was never written.

    Args:
        steps: made in these sessions as far as was counted, also in episodes without a line.
    """
    lines = list(events)
    episodes = [line for line in lines if line["kind"] == "episode"]
    begun = [int(line["episode"]) + 1 for line in episodes]
    begun += [int(line["episode"]) for line in lines if line["kind"] == START]
    if not begun:
        return config
    env_steps = max(steps, int(episodes[-1]["env_steps"]) if episodes else 0)
    return replace(
        config, first_episode=max(begun) + 1, first_env_step=env_steps, failed_scenes=failed_scenes(episodes)
    )
