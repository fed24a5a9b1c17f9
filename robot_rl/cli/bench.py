"""`robot-rl bench NAME`: how fast the parts run on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot_rl.bench import BENCHMARKS, run_benchmark
from robot_rl.cli.arguments import parse, take_word
from robot_rl.core.errors import unknown_name

DESCRIPTION = "\n".join(
    [
        "Measure how fast a part runs on this machine.",
        "",
        "usage: robot-rl bench NAME [--json] [--seconds S] [--docs FOLDER]",
        "",
        *[f"  {name:<10}{text}" for name, text in BENCHMARKS.items()],
        "",
        "example: robot-rl bench env --json",
    ]
)


@dataclass(frozen=True)
class BenchArguments:
    """Flags of `robot-rl bench`."""

    json: bool = False
    """Print one JSON object instead of a list."""
    seconds: float | None = None
    """How long `control` runs each of its loops, and `cameras` reads [s]."""
    docs: Path | None = None
    """Where `proof` writes its table (control.md) and plots."""


def run(arguments: Sequence[str]) -> int:
    """Run one benchmark and print its figures."""
    name, rest = take_word(arguments)
    flags = parse(rest, "bench", DESCRIPTION, BenchArguments())
    if name is None:
        raise unknown_name("benchmark", "", BENCHMARKS)
    options = {key: value for key in ("seconds", "docs") if (value := getattr(flags, key)) is not None}
    figures = run_benchmark(name, **options)
    if flags.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{key:<36}{value}" for key, value in figures.items()))
    return 0
