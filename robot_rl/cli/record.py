"""`robot-rl record`: demonstrations by the scripted expert or by a person at an input device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from robot_rl import build
from robot_rl.cli.arguments import base_config, check_settings, parse, presets_text, print_config
from robot_rl.config import SCRIPTED, TrainConfig
from robot_rl.core.clock import SystemClock
from robot_rl.runtime.acting.record import collect_demonstrations
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.teleop.device import Device
from robot_rl.teleop.devices import DEVICE_HELP, check_device

DESCRIPTION = f"""Record successful episodes with their pictures; they serve any encoder and any agent.

usage: robot-rl record [PRESET | --config FILE] --out DIR [FLAGS]

examples:
  robot-rl record pick-lift --out demos                   20 episodes by the scripted expert
  robot-rl record peg-insert --out demos --by keyboard    by you; the terminal shows the keys
An interrupted session goes on where it was: episodes in the folder count.

{presets_text()}"""


@dataclass(frozen=True)
class RecordArguments:
    """Flags of `robot-rl record`."""

    out: Path
    """Folder of the episodes."""
    episodes: int | None = None
    """How many the folder shall hold; None: `--demonstrations`."""
    by: Annotated[str, tyro.conf.arg(help=f"Input device: {DEVICE_HELP}")] = "expert"
    keep_failures: bool = False
    """Keep episodes without success, too."""
    print_config: bool = False
    """Print the settings as JSON and exit."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        check_device("--by", self.by)


def run(arguments: Sequence[str]) -> int:
    """Record and say what was kept."""
    base, rest = base_config(arguments)
    flags = parse(rest, "record", DESCRIPTION, RecordArguments(out=tyro.MISSING, config=base))
    if flags.print_config:
        print_config(flags.config)
        return 0
    episodes = flags.config.demonstrations if flags.episodes is None else flags.episodes
    check_settings(flags.config)
    flags.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        env = held.enter_context(closing(build.make_env(flags.config)))
        device = held.enter_context(closing(_device(env, flags)))
        summary = collect_demonstrations(
            env,
            None,
            device,
            episodes,
            flags.out,
            flags.config.seed,
            task=flags.config.task,
            keep_failures=flags.keep_failures,
            reward=build.make_rewards(flags.config),
            should_stop=StopSignal().install(),
            pace=build.make_pace(env, SystemClock()) if flags.by not in SCRIPTED else None,
        )
    print(f"{summary.found + summary.kept} demonstrations in {flags.out} ({summary.discarded} attempts discarded)")
    if summary.total < episodes:
        print(f"stopped before {episodes}; start the same command again to go on")
        return 130
    return 0


def _device(env: build.Environment, flags: RecordArguments) -> Device:
    return build.make_device(env, flags.config, flags.by, np.random.default_rng(flags.config.seed))
