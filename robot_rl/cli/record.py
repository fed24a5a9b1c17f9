"""`robot-rl record`: demonstrations by the scripted expert or by a person at an input device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from robot_rl import build
from robot_rl.cli.arguments import base_config, check_settings, parse, presets_text, print_config
from robot_rl.config import TrainConfig
from robot_rl.runtime.acting.record import RecordingConfig, collect_demonstrations
from robot_rl.runtime.acting.rollout import Environment
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
    config = flags.config
    episodes = config.demonstrations if flags.episodes is None else flags.episodes
    check_settings(config)
    flags.out.mkdir(parents=True, exist_ok=True)
    recording = RecordingConfig(flags.out, episodes, config.seed, config.task, flags.keep_failures)
    with closing(build.make_env(config)) as env, closing(_device(env, flags)) as human:
        rollout = build.make_rollout(env, config, human=human)
        summary = collect_demonstrations(rollout, recording, should_stop=StopSignal().install())
    print(f"{summary.found + summary.kept} demonstrations in {flags.out} ({summary.discarded} attempts discarded)")
    if summary.total < episodes:
        print(f"stopped before {episodes}; start the same command again to go on")
        return 130
    return 0


def _device(env: Environment, flags: RecordArguments) -> Device:
    return build.make_device(env, flags.config, flags.by, np.random.default_rng(flags.config.seed))
