"""Curves of a run as PNG files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")  # no screen needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, human_share, read_history, rolling_mean
from robot_rl.runtime.runs.run_folder import RunFolder

LEARNING_CURVES = ("critic_loss", "q", "temperature", "entropy", "policy_std")
"""Of the learner's metrics, those that are drawn where they exist."""


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
    parts: dict[str, list[Callable[[Axes, History], None]]] = {}
    if history.steps.size:
        parts = {"success": [_success], "human": [_human]}
    if names := [name for name in LEARNING_CURVES if _series(history, name)[1].size]:
        parts["learning"] = [partial(_learning, name) for name in names]
    for image, curves in parts.items():
        with _image(folder / f"{image}.png", len(curves), 2.4) as axes:
            for axis, curve in zip(axes, curves, strict=True):
                curve(axis, history)
    return [folder / f"{image}.png" for image in parts]


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
                success.plot(history.env_steps, rolling_mean(history.success), label=folder.name)
                human.plot(history.env_steps, human_share(history))
        success.set(ylabel=f"success, last {SUCCESS_WINDOW} episodes", ylim=(-0.03, 1.03))
        human.set(ylabel="share of human steps", xlabel="environment steps", ylim=(-0.03, 1.03))
        if success.lines:
            success.legend(loc="lower right", fontsize=8)
    return path


def draw_histograms(path: Path, series: Mapping[str, np.ndarray]) -> Path:
    """Write one image with a histogram of each series, (N,) each, cut at twice its 99th percentile."""
    with _image(path, len(series), 1.7) as axes:
        for axis, (name, values) in zip(axes, series.items(), strict=True):
            axis.hist(values, bins=60, range=(0.0, max(2.0 * float(np.percentile(values, 99)), 1.0)))
            axis.set(xlabel=name, ylabel="steps", yscale="log")
    return path


def _success(axis: Axes, history: History) -> None:
    axis.plot(history.env_steps, rolling_mean(history.success), label="with the human's help")
    alone = (history.success > 0) & (history.human_steps == 0)
    axis.plot(history.env_steps, rolling_mean(alone), label="without any")
    greedy = history.greedy > 0
    if greedy.any():
        axis.plot(history.env_steps[greedy], rolling_mean(history.success[greedy]), label="without exploration")
    axis.set(xlabel="environment steps", ylabel="success", ylim=(-0.03, 1.03))
    axis.set_title(f"training episodes, mean of the last {SUCCESS_WINDOW}")
    axis.legend(loc="lower right")


def _human(axis: Axes, history: History) -> None:
    axis.plot(history.env_steps, human_share(history))
    axis.set(xlabel="environment steps", ylabel="share of steps", ylim=(-0.03, 1.03))
    axis.set_title(f"steps made by the human, last {SUCCESS_WINDOW} episodes")


def _learning(name: str, axis: Axes, history: History) -> None:
    axis.plot(*_series(history, name), linewidth=1)
    axis.set(xlabel="updates", ylabel=name)


def _series(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    points = [(event["step"], event[name]) for event in history.updates if event.get(name) is not None]
    return np.array([step for step, _ in points]), np.array([value for _, value in points])
