"""`robot-rl bench NAME`: how fast the parts run on this machine."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.bench import BENCHMARKS, run_benchmark
from robot_rl.cli.arguments import parse


@dataclass(frozen=True)
class Arguments:
    """Measure how fast a part runs on this machine.

    example: robot-rl bench env --json
    """

    name: Positional[str]
    """Benchmark to run."""
    json: bool = False
    """Print one JSON object instead of a list."""
    seconds: float | None = None
    """Duration of each loop of `control` and `clock`, of reading in `cameras` and of `soak`; limit of each training of
    `fleet` [s]."""
    actors: tuple[int, ...] | None = None
    """Numbers of actors of `fleet` and `soak`, one after the other."""
    seeds: tuple[int, ...] | None = None
    """Seeds of the trainings of `fleet`, whose mean time counts."""
    against: Path | None = None
    """Checkout of another commit, whose own `learner` runs in turn with this one, under the same load."""
    docs: Path | None = None
    """Folder in which `proof` writes its table (control.md) and plots."""


def main(words: Sequence[str]) -> int:
    """Run one benchmark and print its metrics."""
    names = "\n".join(f"  {name:<10}{benchmark.text}" for name, benchmark in BENCHMARKS.items())
    arguments = parse(Arguments, words, "bench", f"\n\nbenchmarks:\n{names}")
    options = {
        key: value
        for key in ("seconds", "actors", "seeds", "docs", "against")
        if (value := getattr(arguments, key)) is not None
    }
    metrics = run_benchmark(arguments.name, **options)
    if arguments.json:
        print(json.dumps(metrics))
    else:
        print("\n".join(f"{key:<36}{value}" for key, value in metrics.items()))
    return 0
