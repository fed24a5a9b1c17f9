"""Comparison of runs: a table of their metrics, and their curves in one image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, human_share, read_history, rolling_mean
from robot_rl.runtime.runs.report import GOOD, RunSummary, summarise
from robot_rl.runtime.runs.run_folder import RunFolder

HEAD = ("run", "success", "95 %", "minutes", "env steps", f"to {GOOD:.0%}", "human", "first to last tenth", "cycle")


def comparison_table(folders: Sequence[RunFolder]) -> str:
    """Return a Markdown table with a line for each run; `cycle` is the median of the successes, in steps."""
    rows = [HEAD, ("---",) * len(HEAD), *(_row(summarise(folder)) for folder in folders)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(summary: RunSummary) -> tuple[str, ...]:
    tenths = summary.human_share_by_tenth
    return (
        summary.folder.name,
        *_judged(summary),
        f"{summary.minutes:.1f}",
        str(summary.env_steps),
        "-" if summary.steps_to_good is None else str(summary.steps_to_good),
        f"{summary.human_steps} ({summary.human_steps / max(summary.env_steps, 1):.0%})",
        f"{tenths[0]:.0%} to {tenths[-1]:.0%}" if tenths else "-",
        _cycle(summary),
    )


def _judged(summary: RunSummary) -> tuple[str, str]:
    evaluation = summary.evaluation
    if evaluation is None:
        return "-", "-"
    low, high = evaluation["interval_95"]
    return f"{evaluation['successes']}/{evaluation['episodes']}", f"{low:.0%} to {high:.0%}"


def _cycle(summary: RunSummary) -> str:
    cycle = (summary.evaluation or {}).get("cycle_steps")
    return "-" if cycle is None else f"{cycle['median']:.0f}"


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
