"""Curves of a run: as PNG files, and as SVG for a page."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler

matplotlib.use("Agg")  # no screen needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, human_share, read_history, rolling_mean
from robot_rl.runtime.runs.run_folder import RunFolder

LEARNING_CURVES = {
    "critic_loss": "critic's loss (logarithmic)",
    "q": "value of the chosen actions (Q)",
    "return_mean": "return that followed the steps of the newest 50 episodes, discounted",
    "temperature": "temperature: weight of the entropy (logarithmic)",
    "entropy": "entropy of the policy",
    "policy_std": "standard deviation of the policy",
}
"""Of the learner's metrics, those that are drawn where they exist, in words."""
LOGARITHMIC = ("critic_loss", "temperature")
INK, LINES = "#0a0b0c", ("#0072b2", "#e69f00", "#009e73")
"""Colours by Okabe and Ito, which colour-blind people tell apart."""
ON_PAGE = {INK: "currentColor"} | {colour: f"var(--line-{number})" for number, colour in enumerate(LINES)}
"""Colour of an SVG -> the page's, which differs between dark and light."""
STYLE: Any = {
    "axes.prop_cycle": cycler(color=LINES), "svg.fonttype": "none", "svg.hashsalt": "robot-rl",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
}  # fmt: skip
BELOW: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.28), "ncol": 2, "fontsize": 8}
"""Place of a legend, where it covers no curve."""
Curve = Callable[[Axes], None]


@contextmanager
def _image(path: Path, rows: int, height: float) -> Iterator[Sequence[Axes]]:
    """Yield axes one above the other, `height` inches each, and write them as PNG."""
    figure, axes = plt.subplots(rows, 1, figsize=(7.0, height * rows + 0.5), squeeze=False)
    yield list(axes[:, 0])
    for axis in axes[:, 0]:
        axis.grid(alpha=0.3)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_curves(folder: Path, history: History) -> list[Path]:
    """Write success.png, human.png and learning.png into `folder`; a curve without data is left out."""
    parts = _parts(history)
    with plt.rc_context(STYLE):
        for image, curves in parts.items():
            with _image(folder / f"{image}.png", len(curves), 2.4) as axes:
                for axis, curve in zip(axes, curves, strict=True):
                    curve(axis)
    return [folder / f"{image}.png" for image in parts]


def svg_curves(history: History) -> list[str]:
    """Return the same curves as SVG elements, one each, in the colours of the page that they stand in."""
    with plt.rc_context(STYLE):
        return [_svg(curve) for curves in _parts(history).values() for curve in curves]


def _svg(curve: Curve) -> str:
    figure, axis = plt.subplots(figsize=(5.6, 2.7))
    curve(axis)
    axis.grid(alpha=0.15, color=INK)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    text = re.sub(r'(<svg [^>]*?) width="[^"]*" ', r"\1 ", text[text.index("<svg") :])
    text = re.sub(r'(<svg [^>]*?)height="[^"]*" ', r"\1", text)
    return re.sub("|".join(ON_PAGE), lambda colour: ON_PAGE[colour[0]], text)


def _parts(history: History) -> dict[str, list[Curve]]:
    """Return the curves of each image for which there are data."""
    parts: dict[str, list[Curve]] = {}
    if history.steps.size:
        parts = {"success": [partial(_success, history)], "human": [partial(_human, history)]}
    if names := [name for name in LEARNING_CURVES if _series(history, name)[1].size]:
        parts["learning"] = [partial(_learning, history, name) for name in names]
    return parts


def draw_lines(path: Path, lines: Sequence[tuple[str, str, Sequence[float], Sequence[float]]]) -> None:
    """Draw lines one above the other into a PNG: names of x and y, and their values."""
    with _image(path, len(lines), 3.0) as axes:
        for axis, (x_name, y_name, x, y) in zip(axes, lines, strict=True):
            axis.plot(x, y)
            axis.set(xlabel=x_name, ylabel=y_name)


def draw_comparison(folders: Sequence[RunFolder], path: Path) -> Path:
    """Draw success and human share of all runs over their environment steps into one PNG."""
    with _image(path, 2, 3.0) as (success, human):
        for folder in folders:
            history = read_history(folder)
            if history.steps.size:
                evaluated = history.evaluations
                points = _evaluated(history)[:2] if evaluated else (history.env_steps, rolling_mean(history.success))
                success.plot(
                    *points, marker="o" if evaluated else "", label=f"{folder.name}{', alone' * bool(evaluated)}"
                )
                human.plot(history.env_steps, human_share(history))
        success.set(ylabel=f"success, last {SUCCESS_WINDOW} episodes or alone", ylim=(-0.03, 1.03))
        human.set(ylabel="share of human steps", xlabel="environment steps", ylim=(-0.03, 1.03))
        if success.lines:
            success.legend(**BELOW)
    return path


def draw_histograms(path: Path, series: Mapping[str, np.ndarray]) -> Path:
    """Write one image with a histogram of each series, (N,) each, cut at twice its 99th percentile."""
    with _image(path, len(series), 1.7) as axes:
        for axis, (name, values) in zip(axes, series.items(), strict=True):
            axis.hist(values, bins=60, range=(0.0, max(2.0 * float(np.percentile(values, 99)), 1.0)))
            axis.set(xlabel=name, ylabel="steps", yscale="log")
    return path


def _evaluated(history: History) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steps (N,), success rates (N,) and their intervals (2, N) of the evaluations in training."""
    lines = history.evaluations
    rates = np.array([line["successes"] / max(line["episodes"], 1) for line in lines])
    return np.array([line["step"] for line in lines]), rates, np.array([line["interval_95"] for line in lines]).T


def _success(history: History, axis: Axes) -> None:
    if history.evaluations:
        steps, rates, (low, high) = _evaluated(history)
        (line,) = axis.plot(steps, rates, marker="o", markersize=3, linewidth=2, color=INK, label="evaluated alone")
        axis.fill_between(steps, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    alone = history.human_steps == 0
    if alone.any():
        axis.plot(history.env_steps[alone], rolling_mean(history.success[alone]), label="policy alone")
    greedy = alone & (history.greedy > 0)
    if greedy.any():
        axis.plot(
            history.env_steps[greedy], rolling_mean(history.success[greedy]), label="policy alone, without exploration"
        )
    axis.plot(history.env_steps, rolling_mean(history.success), linestyle=":", label="all, with the human's help")
    axis.set(xlabel="environment steps", ylabel="success", ylim=(-0.03, 1.03))
    axis.set_title(f"success in training, mean of the last {SUCCESS_WINDOW} such episodes", fontsize=10)
    axis.legend(**BELOW)


def _human(history: History, axis: Axes) -> None:
    axis.plot(history.env_steps, human_share(history))
    axis.set(xlabel="environment steps", ylabel="share of the steps", ylim=(-0.03, 1.03))
    axis.set_title(f"steps of the human, last {SUCCESS_WINDOW} episodes", fontsize=10)


def _learning(history: History, name: str, axis: Axes) -> None:
    axis.plot(*_series(history, name), linewidth=1)
    axis.set(xlabel="updates of the networks")
    axis.set_title(LEARNING_CURVES[name], fontsize=10)
    if name in LOGARITHMIC:
        axis.set_yscale("log")


def _series(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    points = [(event["step"], event[name]) for event in history.updates if event.get(name) is not None]
    return np.array([step for step, _ in points]), np.array([value for _, value in points])
