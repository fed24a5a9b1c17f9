"""Report of a run as one HTML page: success of the policy alone first, then cost, curves, video and settings."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from robot_rl import __version__
from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.formats import make_format, read_metas
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_metrics import CURVE, EVALUATION, TRAINING, RunData, metric_rows
from robot_rl.runtime.runs.statistics import wilson_interval

TEMPLATE = Path(__file__).with_name("report.html")
INLINE_BYTES_MAX = 6_000_000
"""Size up to which a video is part of the page."""
UNHELPED = 50
"""Newest training episodes without help from which success is estimated where nothing was evaluated."""
REWARDS = {
    "ground-truth": "the simulator's ground truth",
    "human-label": "labels of a human",
    "classifier": "a classifier of images",
    "rlif": "interventions (RLIF)",
}
HUMANS = {"none": "none", "scripted": "scripted, from the simulator's ground truth"}
Rows = Sequence[tuple[str, str]]


class Headline(NamedTuple):
    """The number that stands first."""

    successes: int
    episodes: int
    interval: tuple[float, float]
    text: str


class Extras(NamedTuple):
    """Parts of a report that are read elsewhere."""

    timings: Rows
    """About the loop, of a run over the graph."""
    evaluations: Rows
    """Other evaluations of the run."""


def render_page(folder: RunFolder, data: RunData, config: Mapping[str, Any], extras: Extras) -> str:
    """Return the page; it needs no other file, except for a video of more than `INLINE_BYTES_MAX`."""
    from robot_rl.runtime.runs.curves import svg_curves  # matplotlib takes a second to import

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=folder.name,
        task=config.get("task", "?"),
        method=config.get("method", "?"),
        seed=config.get("seed", "?"),
        version=__version__,
        headline=_headline(data),
        cards=_cards(folder, data, config),
        given=_given(config),
        outcomes=_outcomes(folder),
        video=_video(folder),
        curves=svg_curves(data.history),
        tables={
            "Evaluation": metric_rows(EVALUATION, data) if data.evaluation else [],
            "The policy alone in training": metric_rows(CURVE, data) if data.history.evaluations else [],
            "Training": metric_rows(TRAINING, data),
            "The loop over the graph": extras.timings,
            "Other evaluations": extras.evaluations,
        },
        settings=json.dumps(config, indent=2),
        root=folder.root,
    )


def _headline(data: RunData) -> Headline:
    """Return success of the deterministic policy alone; of training episodes without help before any evaluation."""
    evaluation = data.evaluation or next(reversed(data.history.evaluations), None)
    if evaluation is not None:
        kind = "deterministic" if evaluation.get("deterministic", True) else "exploring"
        judges = " and ".join(REWARDS.get(name, name) for name in evaluation.get("judges", ())) or "its task"
        text = f"of the {kind} policy alone, in episodes that training never saw, judged by {judges}"
        low, high = evaluation["interval_95"]
        return Headline(evaluation["successes"], evaluation["episodes"], (low, high), text)
    alone = data.history.success[data.history.human_steps == 0][-UNHELPED:]
    successes = int(alone.sum())
    text = "of the newest training episodes without help; the run has not been evaluated"
    return Headline(successes, alone.size, wilson_interval(successes, alone.size), text)


def _cards(folder: RunFolder, data: RunData, config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, number and explanation of what success cost."""
    evaluation = data.evaluation or {}
    history, cycle, period_s = data.history, evaluation.get("cycle_median_s"), evaluation.get("period_s", PERIOD_S)
    steps, human = int(history.steps.sum()), int(history.human_steps.sum())
    metas = _demonstrations(folder, config)
    shown = sum(int(meta.get("steps", 0)) for meta in metas)
    corrections = int(history.column("interventions").sum())
    cards = [
        (
            "robot time",
            _minutes((steps + shown) * period_s),
            f"{steps:,} steps of training, {shown:,} of demonstrations",
        ),
        (
            "human time",
            _minutes((human + shown) * period_s),
            f"{len(metas)} demonstrations, {corrections} corrections: {human / max(steps, 1):.0%} of training",
        ),
        ("wall time", f"{data.minutes:.1f} min", "of training, start of its processes included"),
    ]
    return cards if cycle is None else [*cards, ("cycle", f"{cycle:.1f} s", "median of the evaluation's successes")]


def _demonstrations(folder: RunFolder, config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the metas of the demonstrations that the run was given; of a folder that is gone, none."""
    given = Path(config.get("demonstrations_from") or folder.demonstrations)
    dataset = make_format(str(config.get("demonstrations_format") or "episodes"))
    metas = list(read_metas(dataset, given)) if given.is_dir() else []
    return [meta for meta in metas if meta.get("success", True)]


def _minutes(time_s: float) -> str:
    return f"{time_s / 60:.1f} min"


def _given(config: Mapping[str, Any]) -> Rows:
    """Return what the run did not have to learn."""

    def at(name: str, key: str | None = None) -> Any:
        entry = config.get(name)
        return entry if key is None else (entry or {}).get(key)

    encoder, human = at("vision", "encoder"), str(at("human", "kind") or "none")
    images = {
        "frozen": f"{Path(encoder).name if encoder else 'the one of the package'} ({at('vision', 'kind')}), frozen",
        "trainable": "convolutions that learn with the critic",
    }.get(at("vision", "mode"), "none: no images")
    source = at("demonstrations_from") or ("play and demonstrations of its own" if at("play") else "recorded for it")
    return [
        ("reward", ", then ".join(REWARDS.get(name, name) for name in at("rewards") or ()) or "-"),
        ("image encoder", images),
        ("demonstrations", f"{at('demonstrations') or 0}, {source}"),
        ("human", HUMANS.get(human, human)),
        ("arm", f"{at('robot', 'arm') or '-'}, {at('robot', 'kind') or '-'}"),
        ("earlier run", str(at("prior") or "none")),
    ]


def _outcomes(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the evaluation's episodes, one line of its file each."""
    path = folder.evaluation / "episodes.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def _video(folder: RunFolder) -> str:
    """Return the address of the evaluation's video: the video itself where it is small; empty without one."""
    path = folder.evaluation / "video.mp4"
    if not path.is_file():
        return ""
    if path.stat().st_size > INLINE_BYTES_MAX:
        return str(path.relative_to(folder.root))
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
