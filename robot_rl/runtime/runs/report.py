"""Report of a run: results on one page, with curves and video beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import RunFolderError
from robot_rl.runtime.runs.curves import draw_curves
from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, read_history, steps_to_reach
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.timing_report import draw_timings, read_timings, timing_rows

SUMMARY_FILE = "summary.json"
EPISODES_FILE = "episodes.jsonl"
VIDEO_FILE = "video.mp4"
GOOD = 0.9
"""Success rate whose first crossing is reported."""


@dataclass(frozen=True)
class RunSummary:
    """Metrics of a run."""

    folder: RunFolder
    minutes: float
    """Wall time of training, including process start, summed over resumed sessions."""
    env_steps: int
    episodes: int
    human_steps: int
    interventions: int
    faults: int
    human_share_by_tenth: tuple[float, ...]
    """Human's share of the steps, in each tenth of the run's steps."""
    steps_to_good: int | None
    """Env steps at which training (last `SUCCESS_WINDOW` episodes, interventions included) first reached `GOOD`."""
    updates: int
    evaluation: dict[str, Any] | None
    """`evaluation/summary.json`, None when nothing was evaluated."""


def summarise(folder: RunFolder) -> RunSummary:
    """Read a run's metrics from its files."""
    history = read_history(folder)
    return RunSummary(
        folder=folder,
        minutes=sum(float(session["minutes"]) for session in read_metrics(folder.root, kind="session")),
        env_steps=int(history.steps.sum()),
        episodes=int(history.steps.size),
        human_steps=int(history.human_steps.sum()),
        interventions=int(history.interventions.sum()),
        faults=int(history.fault.sum()),
        human_share_by_tenth=share_by_tenth(history),
        steps_to_good=steps_to_reach(history, GOOD),
        updates=int(history.updates[-1].get("updates") or 0) if history.updates else 0,
        evaluation=read_evaluation(folder),
    )


def share_by_tenth(history: History) -> tuple[float, ...]:
    """Return the human's share of the steps in each tenth of the run, first to last; empty without steps."""
    if not history.steps.size:
        return ()
    tenth = np.minimum(9, (10 * (history.env_steps - history.steps) / history.env_steps[-1]).astype(int))
    human = np.bincount(tenth, history.human_steps, minlength=10)
    steps = np.bincount(tenth, history.steps, minlength=10)
    return tuple(float(share) for share in human / np.maximum(steps, 1))


def read_evaluation(folder: RunFolder) -> dict[str, Any] | None:
    """Return the evaluation's summary, None when there is none.

    Raises:
        RunFolderError: a file that is not a summary.
    """
    path = folder.evaluation / SUMMARY_FILE
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise RunFolderError(
            f"evaluation: got {path}, expected JSON ({error}); run `robot-rl evaluate` again."
        ) from error


def write_report(folder: RunFolder, config: dict[str, Any]) -> Path:
    """Draw the curves, write report.md and return its path."""
    summary, timings = summarise(folder), read_timings(folder)
    curves = draw_curves(folder.root, read_history(folder)) + draw_timings(folder.root, timings)
    text = render_report(summary, curves, config, timing_rows(timings, folder) if timings else [])
    part = folder.report.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(folder.report)
    return folder.report


def render_report(
    summary: RunSummary, curves: list[Path], config: dict[str, Any], timings: list[tuple[str, str]] | None = None
) -> str:
    """Return the report's Markdown; files are named relative to the run's folder.

    Args:
        timings: lines about the loop, of a run over the graph.
    """
    root = summary.folder.root
    parts = [
        f"# {summary.folder.name}",
        f"Task `{config.get('task', '?')}`, seed {config.get('seed', '?')}.",
        _table([("", ""), *_training_rows(summary)]),
        "## Evaluation",
        _evaluation(summary),
        *(["## The loop over the graph", _table([("", ""), *timings])] if timings else []),
        "## Curves",
        *[f"![{path.stem}]({path.relative_to(root)})" for path in curves],
        "## Settings",
        "Also in `config.json`; `robot-rl train --config config.json --run-name NEW` repeats the run.",
        f"```json\n{json.dumps(config, indent=2)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def closing_lines(summary: RunSummary) -> list[str]:
    """Return the last lines that a run prints: success, minutes, steps, human steps, report and video."""
    evaluation = summary.evaluation
    lines = [] if evaluation is None else [success_line(evaluation)]
    share = summary.human_steps / max(summary.env_steps, 1)
    lines += [
        f"training {summary.minutes:.1f} minutes",
        f"env steps {summary.env_steps}",
        f"human steps {summary.human_steps} ({share:.1%})",
        f"report {summary.folder.report}",
    ]
    video = summary.folder.evaluation / VIDEO_FILE
    return [*lines, f"video {video}"] if video.exists() else lines


def success_line(evaluation: dict[str, Any]) -> str:
    """Return `success N/M` with the interval."""
    low, high = evaluation["interval_95"]
    return f"success {evaluation['successes']}/{evaluation['episodes']} (95 % interval {low:.1%} to {high:.1%})"


def _training_rows(summary: RunSummary) -> list[tuple[str, str]]:
    good = "never" if summary.steps_to_good is None else str(summary.steps_to_good)
    return [
        ("training", f"{summary.minutes:.1f} min"),
        ("environment steps", str(summary.env_steps)),
        (f"environment steps to {GOOD:.0%} (last {SUCCESS_WINDOW} training episodes, human included)", good),
        ("training episodes", f"{summary.episodes}, {summary.faults} ended by a fault"),
        ("updates", str(summary.updates)),
        ("human steps", f"{summary.human_steps} in {summary.interventions} interventions"),
        ("human share of the steps, by tenth of the run", _percentages(summary.human_share_by_tenth)),
    ]


def _evaluation(summary: RunSummary) -> str:
    evaluation = summary.evaluation
    if evaluation is None:
        return f"None yet: `robot-rl evaluate {summary.folder.root}`."
    ends = f"{evaluation['failures']} failed, {evaluation['truncated']} out of time, {evaluation['faults']} faults"
    rows = [("success", success_line(evaluation).removeprefix("success ")), ("otherwise", ends), *_cycle(evaluation)]
    text = "Deterministic policy, no human.\n\n" + _table([("", ""), *rows])
    video = summary.folder.evaluation / VIDEO_FILE
    return text + f"\n\n[Video]({video.relative_to(summary.folder.root)})" if video.exists() else text


def _cycle(evaluation: dict[str, Any]) -> list[tuple[str, str]]:
    cycle = evaluation.get("cycle_steps")
    if cycle is None:
        return []
    median_s = evaluation["period_s"] * cycle["median"]
    spread = f"{cycle['q25']:.0f} to {cycle['q75']:.0f}"
    return [("cycle of the successes", f"median {cycle['median']:.0f} steps ({median_s:.1f} s), middle half {spread}")]


def _percentages(shares: tuple[float, ...]) -> str:
    return " ".join(f"{share:.0%}" for share in shares) or "-"


def _table(rows: list[tuple[str, str]]) -> str:
    head, *body = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([head, "|---|---|", *body])
