"""`robot-rl compare`: runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.report import read_run
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run
from robot_rl.runtime.runs.run_metrics import columns


@dataclass(frozen=True)
class Arguments:
    """Show runs side by side: success, time, steps, the human's share; and draw all curves into one image.

    example:
      robot-rl compare runs/pick-lift-0 runs/pick-lift-no-human-0 --png ablation.png
    """

    runs: Positional[tuple[Path, ...]]
    """Folders of runs."""
    png: Path | None = None
    """Image with the curves of all runs; None: none."""


def run(arguments: Arguments) -> int:
    """Print the table and draw the image."""
    if not arguments.runs:
        raise ConfigError("runs: got none, expected run folders; for example `robot-rl compare runs/a runs/b`.")
    folders = [existing_run(path) for path in arguments.runs]
    print(comparison_table(folders))
    if arguments.png is not None:
        from robot_rl.runtime.runs.curves import draw_comparison

        print(f"\ncurves in {draw_comparison(folders, arguments.png)}")
    return 0


def comparison_table(folders: Sequence[RunFolder]) -> str:
    """Return a Markdown table with a line for each run; `cycle` is the median of the successes, in steps."""
    runs = [{"run": folder.name} | columns(read_run(folder)) for folder in folders]
    rows = [tuple(runs[0]), ("---",) * len(runs[0]), *(tuple(run.values()) for run in runs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
