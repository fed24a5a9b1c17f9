"""`robot-rl record`: demonstrations by the scripted expert or at the keyboard."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot_rl import build
from robot_rl.cli.arguments import RunArguments
from robot_rl.core.clock import SystemClock
from robot_rl.runtime.acting.record import collect_demonstrations
from robot_rl.runtime.runs.stop import StopSignal


@dataclass(frozen=True, kw_only=True)
class Arguments(RunArguments):
    """Record successful episodes with their pictures; they serve any encoder and any agent.

    examples:
      robot-rl record pick-lift --out demos                   20 episodes by the scripted expert
      robot-rl record peg-insert --out demos --by keyboard    by you; the terminal shows the keys

    An interrupted session goes on where it was: episodes in the folder count.
    """

    out: Path
    """Folder of the episodes."""
    episodes: int | None = None
    """How many the folder shall hold; None: `--demonstrations`."""
    by: Literal["expert", "keyboard"] = "expert"
    """Who acts."""
    keep_failures: bool = False
    """Keep episodes without success, too."""


def run(arguments: Arguments) -> int:
    """Record and print what was kept."""
    config = arguments.config
    episodes = config.demonstrations if arguments.episodes is None else arguments.episodes
    arguments.out.mkdir(parents=True, exist_ok=True)
    with closing(build.make_env(config)) as env:
        by_hand = arguments.by == "keyboard"
        summary = collect_demonstrations(
            env,
            None,
            build.make_keyboard(env) if by_hand else build.make_expert(env),
            episodes,
            arguments.out,
            config.seed,
            task=config.task,
            keep_failures=arguments.keep_failures,
            reward=build.make_rewards(config),
            should_stop=StopSignal().install(),
            pace=build.make_pace(env, SystemClock()) if by_hand else None,
        )
    print(f"{summary.found + summary.kept} demonstrations in {arguments.out} ({summary.discarded} attempts discarded)")
    if summary.total < episodes:
        print(f"stopped before {episodes}; start the same command again to go on")
        return 130
    return 0
