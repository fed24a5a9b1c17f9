"""`robot-rl simulate`: the simulated arm, moved by expert, at random or by keyboard, as a video."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from robot_rl import build, build_human
from robot_rl.build_attended import attended
from robot_rl.cli.arguments import RunArguments
from robot_rl.cli.page_flags import PageFlags
from robot_rl.core.records import Observation
from robot_rl.core.renamed import refuse_old_name
from robot_rl.core.seeds import Purpose, generator
from robot_rl.envs.protocol import action_layout
from robot_rl.runtime.acting.episode_video import episode_video
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult, evaluate
from robot_rl.runtime.acting.rollout import Environment
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.teleop.devices import DEVICE_HELP, check_device

NO_DEVICE = ("random", "none")


@dataclass(frozen=True, kw_only=True)
class Arguments(PageFlags, RunArguments):
    """Move the simulated arm and write a video.

    examples:
      robot-rl simulate pick-lift                              three episodes of the scripted expert, as simulate.mp4
      robot-rl simulate peg-insert-varied --by random --out x.mp4
      robot-rl simulate pick-lift --view3d 8600                watched in three dimensions at http://127.0.0.1:8600
      robot-rl simulate pick-lift --page                       watched, paused and taken over at a web page
    """

    by: Annotated[str, tyro.conf.arg(help=f"Moves the arm: random, none, {DEVICE_HELP}")] = "expert"
    episodes: int = 3
    """Number of episodes."""
    out: Path | None = Path("simulate.mp4")
    """The video; None: none."""

    def __post_init__(self) -> None:
        refuse_old_name("--by", self.by)
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
    config, human, policy, stop = flags.config, None, None, StopSignal().install()
    with (
        build_human.open_page(flags.page_settings(config, flags.by)) as page,
        closing(build_human.viewed(_make_env(flags), flags.view3d)) as env,
        episode_video(flags.out, env, flags.episodes) as video,
        ExitStack() as devices,
    ):
        if flags.by in NO_DEVICE:
            policy = RandomPolicy(action_layout(env).size, 1.0 if flags.by == "random" else 0.0)
            human = None if page is None else build_human.watching(env, page)
        else:
            rng = generator(Purpose.EVALUATION, config.seed, 2)
            human = devices.enter_context(closing(build_human.make_device(env, config, flags.by, rng, page=page)))
        build_human.follow(page, env, config)
        speed = config.speed if flags.view3d is None else 1.0  # who watches wants to see the arm move
        rollout = attended(build.make_rollout(env, config, policy, human=human, speed=speed, monitor=page), config)
        return evaluate(
            rollout,
            flags.episodes,
            config.seed,
            video=video,
            on_episode=_print,
            should_stop=stop,
            ends_wait=stop.ends_wait,
        )


def _make_env(flags: Arguments) -> Environment:
    unseen = flags.by in (*NO_DEVICE, "expert") and not flags.page  # a person may save what was seen
    blind = flags.out is None and flags.view3d is None and unseen
    return build.make_env(flags.config, cameras=() if blind else None, video=flags.out is not None)


def _print(results: tuple[EpisodeResult, ...]) -> None:
    episode = results[-1]
    print(f"seed {episode.seed}: {episode.end} after {episode.steps} steps")
