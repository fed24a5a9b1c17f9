"""`robot-rl doctor ros`: whether this computer meets the robot on the ROS graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robot_rl.cli.arguments import parse
from robot_rl.cli.doctor import show
from robot_rl.core import checks
from robot_rl.doctor.ros import examine_ros

DESCRIPTION = (
    "Ask whether this computer meets the robot on the ROS graph: middleware, domain, discovery, peers, topics,\n"
    "qualities, clocks, and what the controller says; for each line `ok`, or what to do. Needs no ROS. Sends nothing.\n"
    "Exit code 1 when a needed part is missing.\n"
    "\n"
    "example: robot-rl doctor ros --namespace left"
)


@dataclass(frozen=True)
class RosArguments:
    """Flags of `robot-rl doctor ros`."""

    namespace: str = ""
    """Of the arm, as in `left`."""
    seconds: float = 4.0
    """How long the graph is listened to [s]; the controller's diagnostics come once a second."""

    def __post_init__(self) -> None:
        checks.positive(self, "seconds")


def run(arguments: Sequence[str]) -> int:
    """Print the findings as they come."""
    flags = parse(arguments, "doctor ros", DESCRIPTION, RosArguments())
    return show(examine_ros(flags.namespace, flags.seconds))
