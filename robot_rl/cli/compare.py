"""`robot-rl compare`: runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot_rl.cli.arguments import parse
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.compare import comparison_table, draw_comparison
from robot_rl.runtime.runs.run_folder import existing_run

DESCRIPTION = """Show runs side by side: success, time, steps, the human's share; and draw all curves into one picture.

usage: robot-rl compare RUN [RUN ...] [--png FILE]

example:
  robot-rl compare runs/pick-lift-0 runs/pick-lift-no-human-0 --png ablation.png"""


@dataclass(frozen=True)
class CompareArguments:
    """Flags of `robot-rl compare`."""

    png: Path | None = None
    """Picture with the curves of all runs; None draws none."""


def run(arguments: Sequence[str]) -> int:
    """Print the table and draw the picture."""
    count = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    flags = parse(arguments[count:], "compare", DESCRIPTION, CompareArguments())
    if count == 0:
        raise ConfigError("runs: got none, expected run folders; for example `robot-rl compare runs/a runs/b`.")
    folders = [existing_run(Path(name)) for name in arguments[:count]]
    print(comparison_table(folders))
    if flags.png is not None:
        print(f"\ncurves in {draw_comparison(folders, flags.png)}")
    return 0
