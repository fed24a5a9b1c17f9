"""Runs side by side: a table of their metrics."""

from collections.abc import Sequence

from robot_rl.runtime.runs.report import read_run
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import columns


def comparison_table(folders: Sequence[RunFolder]) -> str:
    """Return a Markdown table with a line for each run; `cycle` is the median of the successes, in steps."""
    runs = [{"run": folder.name} | columns(read_run(folder)) for folder in folders]
    rows = [tuple(runs[0]), ("---",) * len(runs[0]), *(tuple(run.values()) for run in runs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
