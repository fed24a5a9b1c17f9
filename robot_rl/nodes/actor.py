"""The actor as a node: `ros2 run robot_rl actor --ros-args -p run:=runs/first`, or the same with plain flags.

Policy, cameras and human on the robot's side; the learner may run here (`robot-rl learner`) or elsewhere (`address`,
`keys`). The run's folder holds the settings: `robot-rl learner ... --print-config > runs/first/config.json` makes one.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import tyro

from robot_rl.config import load_config
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.nodes.acting import ActorLaunch, act
from robot_rl.nodes.arguments import run_node, split_ros_words
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run


@dataclass(frozen=True)
class ActorNodeConfig:
    """Parameters of the node."""

    run: Path
    """The run's folder, with its `config.json`."""
    address: str = "tcp://127.0.0.1:5555"
    """Address of the learner. Beyond this machine keys are required."""
    keys: Path | None = None
    """File with the CURVE keys of this process."""
    index: int = 0
    """Number of this actor in the run."""
    weights_timeout_s: float = 900.0
    """Longest wait for the learner's first weights before acting [s]."""
    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))
    """Robot settings; what is not given here is that of the run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Act until a signal comes."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return run_node("actor", words, default_settings(words), __doc__ or "", _run)


def default_settings(words: Sequence[str]) -> ActorNodeConfig:
    """Return the settings to start from: the robot is that of the run which the words name, on the graph."""
    parsed = split_ros_words(words, "actor")
    split = [part for word in parsed.plain for part in word.split("=", 1)]
    flags = dict(pairwise(split))
    run = (parsed.from_files | parsed.parameters).get("run", flags.get("--run", ""))
    file = RunFolder(Path(run)).config_file
    if not run or not file.is_file():
        return ActorNodeConfig(run=tyro.MISSING)  # the parser explains
    robot = load_config(file).robot
    return ActorNodeConfig(Path(run), robot=robot if robot.on_graph else replace(robot, kind="dds"))


def _run(node: ActorNodeConfig) -> None:
    folder = existing_run(node.run)
    config = replace(load_config(folder.config_file), robot=node.robot)
    name = f"actor-{node.index}"
    launch = ActorLaunch(
        folder.actor(node.index), node.address, node.keys, name, folder.name, node.index, node.weights_timeout_s
    )
    act(config, launch)


if __name__ == "__main__":
    sys.exit(main())
