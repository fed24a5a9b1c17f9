"""What the commands share: presets before flags, settings as flags, the settings of an existing run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import tyro

from robot_rl.config import PRESETS, TrainConfig, preset
from robot_rl.core.errors import ConfigError
from robot_rl.core.settings import load_settings, to_json
from robot_rl.rewards.combined import make_reward

T = TypeVar("T")
DEFAULT_PRESET = "pick-lift"


@dataclass(frozen=True)
class ProcessArguments:
    """Flags of a process of a run that is started by itself."""

    folder: Path
    """Where its files go: metrics, and what it must not lose."""
    address: str = "tcp://127.0.0.1:5555"
    """Where the learner listens. Beyond this machine keys are required."""
    keys: Path | None = None
    """File with the CURVE keys of this process."""
    print_config: bool = False
    """Print the settings as JSON and exit."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)


def parse(arguments: Sequence[str], command: str, description: str, default: T) -> T:
    """Return `default` changed by flags; tyro explains and exits with 2 where they do not fit.

    Args:
        default: an instance; fields that hold `tyro.MISSING` are required.

    Raises:
        ConfigError: a value that a dataclass refuses.
    """
    return tyro.cli(
        type(default),
        args=list(arguments),
        prog=f"robot-rl {command}",
        description=description,
        default=default,
        config=(tyro.conf.FlagCreatePairsOff,),  # no --no-resume beside --resume
    )


def take_word(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the leading word that is no flag, if any, and the rest."""
    if arguments and not arguments[0].startswith("-"):
        return arguments[0], list(arguments[1:])
    return None, list(arguments)


def take_value(arguments: Sequence[str], flag: str) -> tuple[str | None, list[str]]:
    """Return the value of `--flag VALUE` or `--flag=VALUE`, if given, and the other arguments.

    Raises:
        ConfigError: the flag is last.
    """
    rest = list(arguments)
    for i, word in enumerate(rest):
        if word == flag and i + 1 == len(rest):
            raise ConfigError(f"{flag}: got nothing, expected a value; write {flag} VALUE.")
        if word == flag:
            return rest[i + 1], rest[:i] + rest[i + 2 :]
        if word.startswith(flag + "="):
            return word.removeprefix(flag + "="), rest[:i] + rest[i + 1 :]
    return None, rest


def base_config(arguments: Sequence[str]) -> tuple[TrainConfig, list[str]]:
    """Return the settings that flags then change, and those flags: a preset by name, or `--config FILE`.

    Raises:
        ConfigError: an unknown preset, or a file that does not fit.
    """
    file, rest = take_value(arguments, "--config")
    if file is not None:
        return load_settings(TrainConfig, Path(file)), rest
    name, rest = take_word(rest)
    return preset(name or DEFAULT_PRESET), rest


def check_settings(config: TrainConfig) -> None:
    """Check what settings name outside of themselves, before anything starts.

    Raises:
        ConfigError: a file or folder that is missing, or an unknown source of reward.
    """
    make_reward(config.rewards, config.reward_settings)
    files = {"vision.encoder": config.vision.encoder, "robot.cameras": config.robot.cameras}
    for name, path in files.items():
        if path is not None and not path.is_file():
            raise ConfigError(f"{name}: got {path}, expected a file; correct the path, or leave it out.")
    folder = config.demonstrations_from
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"demonstrations_from: got {folder}, expected a folder of episodes; record some with `robot-rl record`."
        )


def presets_text() -> str:
    """Return the list of presets for a command's help."""
    return "presets:\n" + "\n".join(f"  {name:<32}{entry.text}" for name, entry in PRESETS.items())


def two_machines_text() -> str:
    """Return how learner and actor are started on two machines, and the presets, for a command's help."""
    return f"""example, on two machines:
  robot-rl learner pick-lift --folder runs/x/learner --address tcp://10.0.0.1:5555 --keys learner.keys.json
  robot-rl actor pick-lift --folder runs/x/actor-0 --address tcp://10.0.0.1:5555 --keys actor-0.keys.json

{presets_text()}"""


def print_config(config: TrainConfig) -> None:
    """Print settings as JSON: what `--config FILE` reads."""
    print(json.dumps(to_json(config), indent=2))
