"""`robot-rl simulate`: let somebody move the simulated arm, and film it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from robot_rl import build
from robot_rl.cli.arguments import base_config, parse, presets_text
from robot_rl.config import SCRIPTED, TrainConfig
from robot_rl.core.clock import SystemClock
from robot_rl.core.records import Observation
from robot_rl.core.tasks import PERIOD_S
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult, evaluate
from robot_rl.runtime.acting.stepper import action_size
from robot_rl.runtime.runs.video import VideoWriter
from robot_rl.teleop.device import Device
from robot_rl.teleop.devices import DEVICE_HELP, check_device

DESCRIPTION = f"""Move the simulated arm and film it.

usage: robot-rl simulate [PRESET | --config FILE] [FLAGS]

examples:
  robot-rl simulate pick-lift                              three episodes of the scripted expert, as simulate.mp4
  robot-rl simulate peg-insert-varied --by random --out x.mp4

{presets_text()}"""


NO_DEVICE = ("random", "nobody")


@dataclass(frozen=True)
class SimulateArguments:
    """Flags of `robot-rl simulate`."""

    by: Annotated[str, tyro.conf.arg(help=f"Moves the arm: random, nobody, {DEVICE_HELP}")] = "expert"
    episodes: int = 3
    """How many episodes."""
    out: Path | None = Path("simulate.mp4")
    """The film; None: none."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)

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


def run(arguments: Sequence[str]) -> int:
    """Run the episodes, one line each."""
    base, rest = base_config(arguments)
    flags = parse(rest, "simulate", DESCRIPTION, SimulateArguments(config=base))
    result = simulate(flags)
    print(result)
    if flags.out is not None:
        print(f"video {flags.out}")
    return 0


def simulate(flags: SimulateArguments) -> EvaluationResult:
    """Run episodes of somebody who needs no training."""
    filming = flags.out is not None
    with closing(build.make_env(flags.config, cameras=(), film=filming)) as env:
        human = _human(env, flags)
        scale = 1.0 if flags.by == "random" else 0.0
        policy = None if human is not None else RandomPolicy(action_size(env), scale)
        video = None if flags.out is None else VideoWriter(flags.out, 1.0 / PERIOD_S, scale=1)
        try:
            return evaluate(
                env,
                policy,
                None,
                flags.episodes,
                flags.config.seed,
                video=None if video is None else video.add,
                video_episodes=flags.episodes,
                human=human,
                period_s=PERIOD_S,
                on_episode=_say,
                pace=build.make_pace(env, SystemClock()) if flags.by not in (*NO_DEVICE, *SCRIPTED) else None,
            )
        finally:
            for part in (video, human):
                if part is not None:
                    part.close()


def _human(env: build.Environment, flags: SimulateArguments) -> Device | None:
    if flags.by in NO_DEVICE:
        return None
    return build.make_device(env, flags.config, flags.by, np.random.default_rng(flags.config.seed))


def _say(episode: EpisodeResult) -> None:
    end = "success" if episode.success else "failure" if episode.failure else "out of time"
    print(f"seed {episode.seed}: {end} after {episode.steps} steps")
