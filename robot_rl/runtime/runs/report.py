"""Report of a run: results in Markdown with curves beside it, and as one HTML page with all of it inside."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from robot_rl.core.errors import RunFolderError
from robot_rl.runtime.runs.history import read_history
from robot_rl.runtime.runs.kept_process import DEATH
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.report_page import Extras, render_page
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import (
    CURVE,
    EVALUATION,
    TRAINING,
    WIRE_LOSSES,
    RunData,
    metric_rows,
    success_text,
)
from robot_rl.runtime.runs.timing_report import draw_timings, read_timings, timing_rows

SUMMARY_FILE = "summary.json"
EPISODES_FILE = "episodes.jsonl"
VIDEO_FILE = "video.mp4"


def read_run(folder: RunFolder) -> RunData:
    """Return what the metrics of a run are computed from, from its files."""
    minutes = sum(float(session["minutes"]) for session in read_metrics(folder.root, kind="session"))
    return RunData(read_history(folder), minutes, read_evaluation(folder.evaluation))


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """Return the summary of an evaluation's folder, None when there is none.

    Raises:
        RunFolderError: a file that is not a summary.
    """
    path = folder / SUMMARY_FILE
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise RunFolderError(
            f"evaluation: got {path}, expected JSON ({error}); run `robot-rl evaluate` again."
        ) from error


def write_report(folder: RunFolder, config: dict[str, Any]) -> Path:
    """Draw the curves, write report.md and report.html, and return the path of the former."""
    from robot_rl.runtime.runs.curves import draw_curves  # matplotlib takes a second to import

    data, timings = read_run(folder), read_timings(folder)
    curves = draw_curves(folder.root, data.history) + draw_timings(folder.root, timings)
    rows = timing_rows(timings, folder) if timings else []
    _write(folder.report, render_report(folder, data, curves, config, rows))
    _write(folder.report_page, render_page(folder, data, config, Extras(rows, _other_evaluations(folder))))
    return folder.report


def _write(path: Path, text: str) -> None:
    """Write a file wholly or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def render_report(
    folder: RunFolder, data: RunData, curves: list[Path], config: dict[str, Any], timings: list[tuple[str, str]]
) -> str:
    """Return the report's Markdown; files are named relative to the run's folder.

    Args:
        timings: rows about the loop, of a run over the graph.
    """
    parts = [
        f"# {folder.name}",
        f"Task `{config.get('task', '?')}`, method `{config.get('method', '?')}`, seed {config.get('seed', '?')}.",
        "## Evaluation",
        _evaluation(folder, data),
        *(["## The policy alone in training", curve_table(data)] if data.history.evaluations else []),
        "## Training",
        _table([("", ""), *metric_rows(TRAINING, data), *_lost_records(folder), *_deaths(folder)]),
        *(["## The loop over the graph", _table([("", ""), *timings])] if timings else []),
        "## Curves",
        *[f"![{path.stem}]({path.relative_to(folder.root)})" for path in curves],
        "## Settings",
        "Also in `config.json`; `robot-rl train --config config.json --run-name NEW` repeats the run.",
        f"```json\n{json.dumps(config, indent=2)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def closing_lines(folder: RunFolder) -> list[str]:
    """Return the last lines that a run prints: success, minutes, steps, human steps, report and video."""
    data = read_run(folder)
    env_steps, human_steps = int(data.history.steps.sum()), int(data.history.human_steps.sum())
    lines = [] if data.evaluation is None else [f"success {success_text(data.evaluation)}"]
    lines += [f"{name}: {text}" for name, text in metric_rows(CURVE, data) if data.history.evaluations]
    lines += [
        f"training {data.minutes:.1f} minutes",
        f"env steps {env_steps}",
        f"human steps {human_steps} ({human_steps / max(env_steps, 1):.1%})",
        *map(" ".join, (*_lost_records(folder), *_deaths(folder))),
        f"report {folder.report}",
        f"page {folder.report_page}",
    ]
    video = folder.evaluation / VIDEO_FILE
    return [*lines, f"video {video}"] if video.exists() else lines


def curve_table(data: RunData) -> str:
    """Return the evaluations of the policies that the training kept, as Markdown."""
    rows = [(f"at step {line['step']}", success_text(line)) for line in data.history.evaluations]
    return _table([("", ""), *metric_rows(CURVE, data), *rows])


def _lost_records(folder: RunFolder) -> list[tuple[str, str]]:
    """Return rows about what the wire lost or refused, over all sessions; none while all is well."""
    lost = [str(event["lost_records"]) for event in read_metrics(folder.learner, kind="journal")]
    rows = [("records lost, since the learner's journal is damaged:", lost[-1])] if lost else []
    updates = read_metrics(folder.learner, kind="update")
    counts = {f"wire: {text}": _total(updates, key) for key, text in WIRE_LOSSES.items() if key.startswith("wire_")}
    actors = [read_metrics(path, kind="episode") for path in sorted(folder.root.glob("actor-*"))]
    counts["wire: dropped, since an actor's disk or spool was full"] = sum(
        _total(events, "dropped") for events in actors
    )
    return rows + [(name, str(count)) for name, count in counts.items() if count]


def _deaths(folder: RunFolder) -> list[tuple[str, str]]:
    """Return a row about each process that died: how often, and why the last time; none while all is well."""
    events = read_metrics(folder.root, kind=DEATH)
    last = {str(event["part"]): str(event["text"]).partition(";")[0] for event in events}
    counts = Counter(str(event["part"]) for event in events)
    return [(f"deaths of {part}", f"{counts[part]}, the last: {why}") for part, why in sorted(last.items())]


def _total(events: list[dict[str, Any]], name: str) -> int:
    """Return the sum over the sessions of a counter that begins at 0 in each."""
    counts = [int(event.get(name) or 0) for event in events]
    return sum(count for count, following in pairwise([*counts, -1]) if following < count)


def _evaluation(folder: RunFolder, data: RunData) -> str:
    text = f"None yet: `robot-rl evaluate {folder.root}`."
    if data.evaluation is not None:
        text = "Deterministic policy, no human.\n\n" + _table([("", ""), *metric_rows(EVALUATION, data)])
    video = folder.evaluation / VIDEO_FILE
    parts = [text, *([f"[Video]({video.relative_to(folder.root)})"] if video.exists() else [])]
    rows = _other_evaluations(folder)
    return "\n\n".join([*parts, *([_table([("other evaluations", ""), *rows])] if rows else [])])


def _other_evaluations(folder: RunFolder) -> list[tuple[str, str]]:
    paths = [path for path in sorted(folder.root.glob("evaluation-*")) if ".part" not in path.name]
    others = [(path.name, read_evaluation(path)) for path in paths]
    return [(name, success_text(summary)) for name, summary in others if summary is not None]


def _table(rows: list[tuple[str, str]]) -> str:
    head, *body = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([head, "|---|---|", *body])
