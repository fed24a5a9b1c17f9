"""`robot-rl doctor`: what is installed, what works, what to do about the rest; `doctor TOPIC`: about one thing."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from robot_rl.cli.arguments import parse, take_word
from robot_rl.core.errors import unknown_name
from robot_rl.doctor.finding import Finding
from robot_rl.doctor.installation import examine

TOPICS = {
    "robot": "whether this machine can run a real arm",
    "pendant": "the pendant's live state",
    "ros": "whether this computer meets the robot on the ROS graph",
    "cameras": "which cameras there are, and whether those of a file deliver",
}
DESCRIPTION = "\n".join(
    [
        "Look at this machine: versions, rendering, rates; for each line `ok`, or what to do.",
        "Exit code 1 when a needed part is missing.",
        "",
        *[f"`robot-rl doctor {topic}`: {text}." for topic, text in TOPICS.items()],
    ]
)
STYLES = {"ok": "green", "missing": "bold red", "optional": "yellow"}


@dataclass(frozen=True)
class DoctorArguments:
    """`robot-rl doctor` alone has no flags."""


def run(arguments: Sequence[str]) -> int:
    """Print the findings as they come."""
    topic, rest = take_word(arguments)
    if topic is None:
        parse(rest, "doctor", DESCRIPTION, DoctorArguments())
        return show(examine())
    if topic not in TOPICS:
        raise unknown_name("doctor", topic, TOPICS)
    code: int = importlib.import_module(f"robot_rl.cli.doctor_{topic}").run(rest)
    return code


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
