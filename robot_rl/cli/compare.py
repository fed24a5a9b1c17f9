"""`robot-rl compare`: runs side by side, and methods over their seeds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.runtime.runs.method_comparison import compare_methods
from robot_rl.runtime.runs.method_groups import read_groups
from robot_rl.runtime.runs.method_tables import latex, markdown
from robot_rl.runtime.runs.report import read_run
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run
from robot_rl.runtime.runs.run_metrics import columns
from robot_rl.runtime.runs.sequential_test import StoppingRule


@dataclass(frozen=True)
class Arguments:
    """Show recorded runs side by side: success, time, steps, the human's share; then the methods over their seeds.

    Runs that differ only in the seed are one method. Each method has its mean and interquartile mean of success over
    the seeds, with 95 % intervals of the stratified bootstrap (Agarwal et al. 2021), the mean time on the robot and
    the mean of the human's steps; each pair has the probability that a run of the one beats a run of the other.
    Nothing is trained. Runs of several tasks, or not evaluated yet, get the first table only.

    examples:
      robot-rl compare runs/pick-lift-0 runs/pick-lift-no-human-0 --png ablation.png
      robot-rl compare runs/hil-* runs/hg-dagger-*                    methods over their seeds
      robot-rl compare runs/hil-* runs/hg-dagger-* --until-decided    who is better, or how many seeds are missing
      robot-rl compare runs/hil-* runs/hg-dagger-* --until-decided --seeds-per-look 3 --looks 4 --error-level 0.1
      robot-rl compare runs/hil-* runs/hg-dagger-* --latex > table.tex
      robot-rl compare runs/hil-* runs/hg-dagger-* --json | jq '.methods[].iqm'

    With --until-decided, fix seeds a look, looks and error level first. Train seeds 0 to 4 of each method, ask, and
    train as many as it names, with higher seeds, until it says `decided`. Without the test, looking again after each
    seed finds differences where none are.
    """

    runs: Positional[tuple[Path, ...]]
    """Folders of runs."""
    png: Path | None = None
    """Image with the curves of all runs; None: none."""
    until_decided: bool = False
    """Decide which methods differ, by AdaStop (Mathieu et al. 2023): it looks at the seeds in ascending order, some of
    each method at a time, and bounds the error over all looks."""
    rule: Annotated[StoppingRule, tyro.conf.arg(name="")] = field(default_factory=StoppingRule)
    json: bool = False
    """Print the methods as JSON only."""
    latex: bool = False
    """Print the methods as LaTeX tables only."""


def run(arguments: Arguments) -> int:
    """Print the tables and draw the image."""
    if not arguments.runs:
        raise ConfigError("runs: got none, expected run folders; for example `robot-rl compare runs/a runs/b`.")
    if arguments.json and arguments.latex:
        raise ConfigError("output: got --json and --latex, expected one of them; run the command twice.")
    folders = [existing_run(path) for path in arguments.runs]
    only_methods = arguments.json or arguments.latex
    if not only_methods:
        print(comparison_table(folders))
    print(_methods(arguments, folders) if only_methods else f"\n{_methods_or_reason(arguments, folders)}")
    if arguments.png is not None:
        from robot_rl.runtime.runs.curves import draw_comparison

        path = draw_comparison(folders, arguments.png)
        if not only_methods:
            print(f"\ncurves in {path}")
    return 0


def comparison_table(folders: Sequence[RunFolder]) -> str:
    """Return a Markdown table with a line for each run; `cycle` is the median of the successes, in steps."""
    runs = [{"run": folder.name} | columns(read_run(folder)) for folder in folders]
    rows = [tuple(runs[0]), ("---",) * len(runs[0]), *(tuple(run.values()) for run in runs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _methods(arguments: Arguments, folders: Sequence[RunFolder]) -> str:
    task, groups = read_groups(folders)
    comparison = compare_methods(task, groups, arguments.rule if arguments.until_decided else None)
    if arguments.json:
        return json.dumps(comparison.to_json(), indent=2)
    return latex(comparison) if arguments.latex else markdown(comparison)


def _methods_or_reason(arguments: Arguments, folders: Sequence[RunFolder]) -> str:
    """Return the methods' tables, or why there are none, unless the flags ask for a decision."""
    try:
        return _methods(arguments, folders)
    except RobotRLError as error:
        if arguments.until_decided:
            raise
        return f"Methods are not compared. {error}"
