"""Runs side by side: a table of their metrics, and their curves in one image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, human_share, read_history, rolling_mean
from robot_rl.runtime.runs.report import read_run
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import columns


def comparison_table(folders: Sequence[RunFolder]) -> str:
    """Return a Markdown table with a line for each run; `cycle` is the median of the successes, in steps."""
    runs = [{"run": folder.name} | columns(read_run(folder)) for folder in folders]
    rows = [tuple(runs[0]), ("---",) * len(runs[0]), *(tuple(run.values()) for run in runs)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw_comparison(folders: Sequence[RunFolder], path: Path) -> Path:
    """Draw success and human share of all runs over their environment steps into one PNG."""
    figure, (success, human) = plt.subplots(2, 1, figsize=(8, 6.5), sharex=True)
    for folder in folders:
        history = read_history(folder)
        if history.steps.size:
            success.plot(history.env_steps, rolling_mean(history.success), label=folder.name)
            human.plot(history.env_steps, human_share(history))
    success.set(ylabel=f"success, last {SUCCESS_WINDOW} episodes", ylim=(-0.03, 1.03))
    human.set(ylabel="share of human steps", xlabel="environment steps", ylim=(-0.03, 1.03))
    for axis in (success, human):
        axis.grid(alpha=0.3)
    if success.lines:
        success.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
