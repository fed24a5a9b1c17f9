"""`robot-rl doctor`: what is installed, what works, what to do about the rest; `doctor pendant`: the pendant, live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from robot_rl.cli.arguments import parse, take_word
from robot_rl.core.errors import unknown_name
from robot_rl.doctor import Finding, examine

DESCRIPTION = (
    "Look at this machine: versions, rendering, rates; for each line `ok`, or what to do.\n"
    "Exit code 1 when a needed part is missing.\n\n"
    "`robot-rl doctor pendant` shows the pendant's live state."
)
STYLES = {"ok": "green", "missing": "bold red", "optional": "yellow"}


@dataclass(frozen=True)
class DoctorArguments:
    """`robot-rl doctor` alone has no flags."""


def run(arguments: Sequence[str]) -> int:
    """Print the findings as they come."""
    word, rest = take_word(arguments)
    if word is not None:
        return _topic(word)(rest)
    parse(rest, "doctor", DESCRIPTION, DoctorArguments())
    console = Console(highlight=False)
    missing = 0
    for finding in examine():
        console.print(_line(finding))
        missing += finding.state == "missing"
    return 1 if missing else 0


def _topic(word: str) -> Callable[[Sequence[str]], int]:
    if word != "pendant":
        raise unknown_name("doctor", word, ["pendant"])
    from robot_rl.cli.doctor_pendant import run as run_pendant

    return run_pendant


def _line(finding: Finding) -> Text:
    return Text.assemble((f"{finding.state:<10}", STYLES[finding.state]), f"{finding.name:<20}{finding.value}")
