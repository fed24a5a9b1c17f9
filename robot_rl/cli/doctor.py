"""`robot-rl doctor [robot]`: what is installed, what works, what to do about the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from robot_rl.cli.arguments import parse, take_word
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.doctor.finding import Finding
from robot_rl.doctor.installation import examine
from robot_rl.doctor.robot import Arm, examine_robot

DESCRIPTION = (
    "Look at this machine: versions, rendering, rates; for each line `ok`, or what to do.\n"
    "Exit code 1 when a needed part is missing.\n"
    "`robot-rl doctor robot` asks whether it can run a real arm."
)
ROBOT_DESCRIPTION = (
    "Ask whether this machine can run a real arm: kernel, permissions, CPU governor, network, libraries, firmware,\n"
    "loop; for each line `ok`, or what to do. Moves nothing. Exit code 1 when a needed part is missing.\n"
    "\n"
    "example: robot-rl doctor robot --arm fr3 --address 172.16.0.2"
)
STYLES = {"ok": "green", "missing": "bold red", "optional": "yellow"}


@dataclass(frozen=True)
class DoctorArguments:
    """`robot-rl doctor` has no flags."""


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
        if not (math.isfinite(self.seconds) and self.seconds > 0.0):
            raise ConfigError(f"seconds: got {self.seconds}, expected a positive number; 5 is the default.")


def run(arguments: Sequence[str]) -> int:
    """Print the findings as they come."""
    word, rest = take_word(arguments)
    if word == "robot":
        flags = parse(rest, "doctor robot", ROBOT_DESCRIPTION, RobotArguments())
        return show(examine_robot(flags.arm, flags.address, flags.interface, flags.seconds))
    if word is not None:
        raise unknown_name("doctor's patient", word, ["robot"])
    parse(rest, "doctor", DESCRIPTION, DoctorArguments())
    return show(examine())


def show(findings: Iterable[Finding]) -> int:
    """Print each finding; 1 when a needed part is missing."""
    console = Console(highlight=False)
    missing = 0
    for finding in findings:
        console.print(_line(finding))
        missing += finding.state == "missing"
    return 1 if missing else 0


def _line(finding: Finding) -> Text:
    return Text.assemble((f"{finding.state:<10}", STYLES[finding.state]), f"{finding.name:<20}{finding.value}")
