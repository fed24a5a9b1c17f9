"""Common arguments of the commands: presets before flags, settings as flags, the settings of an existing run.

A command is a module with a dataclass `Arguments`, whose docstring is the command's help, and `run(arguments) -> int`.
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Self, TypeVar

import tyro
from tyro.conf import Positional

from robot_rl.build import foreign_config, make_origin
from robot_rl.cli.idle_flags import idle_flags
from robot_rl.config import TrainConfig, load_config, recording_config
from robot_rl.core.errors import ConfigError
from robot_rl.core.help import join_lines_of_help
from robot_rl.core.renamed import refuse_old_flags
from robot_rl.core.settings import to_json
from robot_rl.envs.foreign_config import is_foreign
from robot_rl.methods import DEFAULT_METHOD, METHODS, overridden, with_method
from robot_rl.presets import preset, presets
from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting.recordings import check_demonstrations
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run

T = TypeVar("T")
DEFAULT_PRESET = "pick-lift"
TRAINING = ("train", "learner", "actor")
"""Commands that use the settings as they are; others change some, such as the device."""


@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """Settings of a run: a preset, or a file, changed by flags."""

    preset: Positional[str] = DEFAULT_PRESET
    """Task or preset to start from: a name, path/task.toml, path/task.py or module:NAME."""
    config_file: Annotated[Path | None, tyro.conf.arg(name="config")] = None
    """JSON file to start from instead of a preset; `--print-config` writes one."""
    print_config: bool = False
    """Print the settings as JSON and exit."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)

    @classmethod
    def base(cls, words: Sequence[str]) -> TrainConfig:
        """Return the settings that flags then change.

        Raises:
            ConfigError: an unknown preset or method, or a file that does not fit.
        """
        file, word = flag_value(words, "--config"), leading_word(words) or DEFAULT_PRESET
        if file is not None:
            config = load_config(Path(file))
        elif is_foreign(word):
            config = foreign_config(word, flag_value(words, "--env.kwargs") or "{}", flag_value(words, "--env.expert"))
        else:
            config = preset(word)
        return _with_method(config, flag_value(words, "--method"))

    @classmethod
    def parse(cls, words: Sequence[str], command: str) -> Self:
        """Return the arguments of a command line.

        Raises:
            ConfigError: settings that cannot work, or a preset that is not the first word.
        """
        required = {entry.name: tyro.MISSING for entry in dataclasses.fields(cls) if _is_required(entry)}
        methods = {name: method.text for name, method in METHODS.items()}
        listed = f"\n\npresets:\n{_listed(presets())}\n\nmethods:\n{_listed(methods)}"
        default = cls(**required, config=cls.base(words))
        arguments = parse(cls, words, command, listed, default)
        arguments._check_preset(words)
        lines = overridden(arguments.config) if flag_value(words, "--method") is not None else []
        if command in TRAINING and not arguments.print_config:
            lines = [*lines, *idle_flags(words, arguments.config)]
        for line in lines:
            print(line, file=sys.stderr)
        return arguments

    def _check_preset(self, words: Sequence[str]) -> None:
        """Check that the preset is the first word, where `base` reads it, and the only start."""
        word = leading_word(words)
        if self.preset != (word or DEFAULT_PRESET):
            raise ConfigError(f"preset: got {self.preset!r} after flags, expected it before them; write it first.")
        if word is not None and self.config_file is not None:
            raise ConfigError(f"preset: got {word!r} beside --config, expected one of them; leave one out.")


@dataclass(frozen=True, kw_only=True)
class ProcessArguments(RunArguments):
    """Flags of a process of a run that is started by itself."""

    folder: Path
    """Folder of its files: metrics and durable data."""
    address: str = "tcp://127.0.0.1:5555"
    """Address of the learner. Beyond this machine keys are required."""
    keys: Path | None = None
    """File with the CURVE keys of this process."""


@dataclass(frozen=True, kw_only=True)
class ResultArguments:
    """Flags of a command that evaluates something on a run's episodes."""

    run: Positional[Path]
    """The run's folder, as in `runs/NAME`."""
    episodes: int | None = None
    """Episodes; None: as in the run's settings."""
    again: bool = False
    """Evaluate once more where a result is; that one is kept as `evaluation...-before-N`."""

    def open(self) -> tuple[RunFolder, TrainConfig]:
        """Return the run's folder and its settings, with the number of episodes of the flags.

        Raises:
            RunFolderError: no such run.
        """
        folder = existing_run(self.run)
        config = load_config(folder.config_file)
        count = config.evaluation.episodes if self.episodes is None else self.episodes
        if config.reference is not None and folder.reference.exists():  # the run may have moved
            config = dataclasses.replace(config, reference=folder.reference)
        return folder, dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, episodes=count))


def run_command(command: ModuleType, name: str, words: Sequence[str]) -> int:
    """Parse a command's flags and run it; return its exit code.

    Raises:
        ConfigError: flags or settings that cannot work.
    """
    kind, run = command.Arguments, command.run
    arguments = kind.parse(words, name) if issubclass(kind, RunArguments) else parse(kind, words, name)
    check_png(getattr(arguments, "png", None))
    if not issubclass(kind, RunArguments):
        return int(run(arguments))
    if arguments.print_config:
        print(json.dumps(to_json(arguments.config), indent=2))
        return 0
    check_settings(arguments.config)
    return int(run(arguments))


def parse(target: Callable[..., T], words: Sequence[str], command: str, more: str = "", default: Any = None) -> T:
    """Return what `target`, a dataclass or function, makes of flags; tyro exits with 2 where they do not fit.

    Args:
        more: continues the help, which is `target`'s docstring without its argument sections.
        default: an instance; fields that hold `tyro.MISSING` are required.

    Raises:
        ConfigError: a value that the dataclass refuses, or a flag of an earlier version.
    """
    refuse_old_flags(words)
    join_lines_of_help(target, words)
    result: T = tyro.cli(
        target,
        args=list(words),
        prog=f"robot-rl {command}",
        description=inspect.cleandoc(target.__doc__ or "").partition("\n\nArgs:")[0] + more,
        # No --no-resume beside --resume; RUN instead of PATH; help from docstrings alone, so that no source is parsed.
        config=(
            tyro.conf.FlagCreatePairsOff,
            tyro.conf.PositionalMetavarFromFieldName,
            tyro.conf.HelptextFromCommentsOff,
        ),
        **({} if default is None else {"default": default}),
    )
    return result


def leading_word(words: Sequence[str]) -> str | None:
    """Return the first word unless it is a flag."""
    return words[0] if words and not words[0].startswith("-") else None


def flag_value(words: Sequence[str], flag: str) -> str | None:
    """Return the value of `--flag VALUE` or `--flag=VALUE`, if given.

    Raises:
        ConfigError: the flag is last.
    """
    for i, word in enumerate(words):
        if word == flag and i + 1 == len(words):
            raise ConfigError(f"{flag}: got nothing, expected a value; write {flag} VALUE.")
        if word == flag:
            return words[i + 1]
        if word.startswith(flag + "="):
            return word.removeprefix(flag + "=")
    return None


def check_settings(config: TrainConfig) -> None:
    """Check what settings name outside of themselves, before anything starts.

    Raises:
        ConfigError: a file or folder that is missing, or an unknown source of reward.
    """
    recorded = recording_config(config)
    make_reward(recorded.rewards, recorded.reward_settings)
    files = {"vision.encoder": config.vision.encoder, "robot.cameras": config.robot.cameras}
    for name, path in files.items():
        if path is not None and not path.is_file():
            raise ConfigError(f"{name}: got {path}, expected a file; correct the path, or leave it out.")
    folder = config.demonstrations_from
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"demonstrations_from: got {folder}, expected a folder of episodes; record some with `robot-rl record`."
        )
    if folder is not None:
        origin = make_origin(config)
        judged = config.demonstrations_judge == "recording"
        check_demonstrations(folder, config.demonstrations_format, origin, origin.cameras, judged)


def check_png(path: Path | None) -> None:
    """Check the path of an image, and make its folder, before the work that it shows.

    Raises:
        ConfigError: it does not end in `.png`.
    """
    if path is not None and path.suffix != ".png":
        raise ConfigError(f"--png: got {path}, expected a path that ends in .png; rename it.")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)


def _listed(texts: Mapping[str, str]) -> str:
    return "\n".join(f"  {name:<32}{text}" for name, text in texts.items())


def _with_method(config: TrainConfig, name: str | None) -> TrainConfig:
    """Return the settings with those of a method, if one is named.

    Raises:
        ConfigError: no such method, or the settings are of another one, whose changes would stay.
    """
    if name is None or name == config.method:
        return config
    if config.method != DEFAULT_METHOD:
        raise ConfigError(
            f"--method: got {name!r} beside settings of {config.method!r}, expected a preset to start from."
        )
    return with_method(config, name)


def _is_required(entry: dataclasses.Field[Any]) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
