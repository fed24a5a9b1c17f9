"""`robot-rl task`: write a task file to start from, or check a task."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from robot_rl.core.errors import ConfigError
from robot_rl.core.tasks import TaskSpec
from robot_rl.envs.action import task_layout
from robot_rl.envs.observation import observation_schema
from robot_rl.presets import task_config
from robot_rl.rewards.combined import make_reward
from robot_rl.tasks import absolute, find_task
from robot_rl.tasks.files import task_template

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Arguments:
    """Write a commented task file to start from (`new`), or check a task and print what follows from it (`check`).

    examples:
      robot-rl task new usb            writes usb.toml
      robot-rl task check usb.toml     also for a name, a Python file or module:NAME
      robot-rl guide poses.toml --task usb.toml --robot.kind dds     its workspace and start, from an arm guided by hand
    """

    action: Positional[Literal["new", "check"]]
    """`new` or `check`."""
    task: Positional[str]
    """Name of the new task, or the task to check."""


def run(arguments: Arguments) -> int:
    """Write the file, or print the task."""
    if arguments.action == "new":
        path = write_task(Path.cwd(), arguments.task)
        print(f"{path}: edit it, then run `robot-rl task check {path.name}`")
        return 0
    for line in describe(arguments.task):
        print(line)
    return 0


def write_task(folder: Path, name: str) -> Path:
    """Write the file of a new task and return its path.

    Raises:
        ConfigError: a name that is none, or a file that exists.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"task: got {name!r}, expected lower case, digits and hyphens, as in usb-insert; rename it.")
    path = folder / f"{name}.toml"
    if path.exists():
        raise ConfigError(f"task: got {path}, which exists, expected a new file; choose another name.")
    path.write_text(task_template(name), encoding="utf-8")
    return path


def describe(task: str) -> Iterator[str]:
    """Yield one line for each thing that follows from a task, once all of it has been checked.

    Raises:
        ConfigError: a part that cannot work.
    """
    spec, config = find_task(task), task_config(absolute(task))
    make_reward(config.rewards)
    yield f"task {spec.name}: {spec.text or 'no text'}"
    yield f"episode: at most {spec.time_limit_s:g} s, {spec.steps_max} steps"
    yield f"action: {task_layout(spec)}"
    yield f"observation: {', '.join(f'{name} {shape}' for name, shape in observation_schema(spec).items())}"
    yield f"rewards: {', '.join(config.rewards)}"
    yield _scene(spec)


def _scene(spec: TaskSpec) -> str:
    if spec.scene is None:
        return "scene: none; it runs with an arm on the graph (--robot.kind ros or dds), not in the simulator"
    from robot_rl.envs.simulated import make_simulated_env

    make_simulated_env(spec).close()  # refuses cameras that the scene lacks
    if spec.expert is None:
        return "scene: present, without an expert; demonstrations come from a person (--by keyboard)"
    spec.make_expert()
    return "scene and expert: present"
