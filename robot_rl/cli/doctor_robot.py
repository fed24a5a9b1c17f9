"""`robot-rl doctor robot`: whether this machine can run a real arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robot_rl.cli.arguments import parse
from robot_rl.cli.doctor import show
from robot_rl.core import checks
from robot_rl.doctor.robot import Arm, examine_robot

DESCRIPTION = (
    "Ask whether this machine can run a real arm: kernel, permissions, CPU governor, network, libraries, firmware,\n"
    "loop; for each line `ok`, or what to do. Moves nothing. Exit code 1 when a needed part is missing.\n"
    "\n"
    "example: robot-rl doctor robot --arm fr3 --address 172.16.0.2"
)


@dataclass(frozen=True)
class RobotArguments:
    """Flags of `robot-rl doctor robot`."""

    arm: Arm = "fr3"
    """Which arm, by which library: `fr3` pylibfranka, `fr3-franky` franky-control, `ur5e` and `ur10e` ur-rtde."""
    address: str | None = None
    """The arm's IPv4 address. Without it, network and firmware are left out."""
    interface: str | None = None
    """The network interface to the arm, as in `eth1`; by default the one that the routes name."""
    seconds: float = 5.0
    """How long the loop is tried [s]."""

    def __post_init__(self) -> None:
        checks.positive(self, "seconds")


def run(arguments: Sequence[str]) -> int:
    """Print the findings as they come."""
    flags = parse(arguments, "doctor robot", DESCRIPTION, RobotArguments())
    return show(examine_robot(flags.arm, flags.address, flags.interface, flags.seconds))
