"""`robot-rl doctor`: what is installed, what works, what to do about the rest; `doctor TOPIC`: about one thing."""

import importlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from robot_rl.cli.arguments import leading_word, parse
from robot_rl.core.errors import unknown_name
from robot_rl.doctor.finding import Finding

STYLES = {"ok": "green", "missing": "bold red", "optional": "yellow"}


class Topic(NamedTuple):
    """A topic: a function whose arguments are flags; it returns findings, or an exit code."""

    function: str
    """`module:function`; its docstring is the help."""
    text: str


TOPICS = {
    "robot": Topic("robot_rl.doctor.robot:check", "whether this machine can run a real arm"),
    "pendant": Topic("robot_rl.doctor.pendant:check", "the pendant's live state"),
    "teleop": Topic("robot_rl.doctor.teleop:check", "the input devices of this computer, and one of them live"),
    "cameras": Topic("robot_rl.doctor.cameras:check", "which cameras there are, and whether those of a file deliver"),
    "ros": Topic("robot_rl.doctor.ros:check", "whether this computer meets the robot on the ROS graph"),
}
INSTALLATION = Topic("robot_rl.doctor.installation:examine", "versions, rendering, rates")


def main(words: Sequence[str]) -> int:
    """Check one topic, or the installation, and print the findings as they come."""
    name = leading_word(words)
    if name is not None and name not in TOPICS:
        raise unknown_name("doctor", name, TOPICS)
    topic = INSTALLATION if name is None else TOPICS[name]
    module, function = topic.function.split(":")
    check = getattr(importlib.import_module(module), function)
    rows = "\n".join(f"  robot-rl doctor {name:<9}{entry.text}" for name, entry in TOPICS.items())
    command, more = ("doctor", f"\n\ntopics:\n{rows}") if name is None else (f"doctor {name}", "")
    result = parse(check, words if name is None else words[1:], command, more)
    return result if isinstance(result, int) else show(result)


def show(findings: Iterable[Finding]) -> int:
    """Print each finding; return 1 when a needed part is missing."""
    console = Console(highlight=False)
    missing = 0
    for finding in findings:
        console.print(_line(finding))
        missing += finding.state == "missing"
    return 1 if missing else 0


def _line(finding: Finding) -> Text:
    return Text.assemble((f"{finding.state:<10}", STYLES[finding.state]), f"{finding.name:<20}{finding.value}")
