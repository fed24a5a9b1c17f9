"""`robot-rl simulate`: the simulated arm, moved by expert, at random or by keyboard, as a video."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.records import Observation
from robot_rl.core.seeds import Purpose, generator
from robot_rl.envs.protocol import action_layout, robot_environment
from robot_rl.runtime.acting.evaluate import EpisodeResult, EpisodeVideo, EvaluationResult, evaluate
from robot_rl.runtime.acting.rollout import Environment
from robot_rl.runtime.runs.video import VideoWriter
from robot_rl.teleop.device import Device
from robot_rl.teleop.devices import DEVICE_HELP, check_device

NO_DEVICE = ("random", "nobody")


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Move the simulated arm and write a video.

    examples:
      robot-rl simulate pick-lift                              three episodes of the scripted expert, as simulate.mp4
      robot-rl simulate peg-insert-varied --by random --out x.mp4
    """

    by: Annotated[str, tyro.conf.arg(help=f"Moves the arm: random, nobody, {DEVICE_HELP}")] = "expert"
    episodes: int = 3
    """How many episodes."""
    out: Path | None = Path("simulate.mp4")
    """The video; None: none."""

    def __post_init__(self) -> None:
        check_device("--by", self.by, *NO_DEVICE)


class RandomPolicy:
    """Uniform actions, scaled; 0 keeps still."""

    version = 0

    def __init__(self, size: int, scale: float) -> None:
        self._size, self._scale = size, scale

    def act(self, obs: Observation, rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        """Return an action (A,) float32."""
        return (self._scale * rng.uniform(-1.0, 1.0, self._size)).astype(np.float32)

    def load(self, params: dict[str, np.ndarray], version: int) -> None:
        """Do nothing: there is nothing to load."""


def run(arguments: Arguments) -> int:
    """Run the episodes, one line each."""
    print(simulate(arguments))
    if arguments.out is not None:
        print(f"video {arguments.out}")
    return 0


def simulate(flags: Arguments) -> EvaluationResult:
    """Run episodes without a trained policy and return their result."""
    with_video = flags.out is not None
    with closing(build.make_env(flags.config, cameras=(), video=with_video)) as env:
        human = _human(env, flags)
        scale = 1.0 if flags.by == "random" else 0.0
        policy = None if human is not None else RandomPolicy(action_layout(env).size, scale)
        video = None if flags.out is None else VideoWriter(flags.out, 1.0 / robot_environment(env).period_s, scale=1)
        rollout = build.make_rollout(env, flags.config, policy, human=human)
        try:
            return evaluate(
                rollout,
                flags.episodes,
                flags.config.seed,
                video=None if video is None else EpisodeVideo(video.add, flags.episodes),
                on_episode=_print,
            )
        finally:
            for part in (video, human):
                if part is not None:
                    part.close()


def _human(env: Environment, flags: Arguments) -> Device | None:
    if flags.by in NO_DEVICE:
        return None
    return build.make_device(env, flags.config, flags.by, generator(Purpose.EVALUATION, flags.config.seed, 2))


def _print(episode: EpisodeResult) -> None:
    end = "success" if episode.success else "failure" if episode.failure else "out of time"
    print(f"seed {episode.seed}: {end} after {episode.steps} steps")
