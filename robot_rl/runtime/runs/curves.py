"""Curves of a run as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")  # no screen needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from robot_rl.runtime.runs.history import SUCCESS_WINDOW, History, human_share, read_history, rolling_mean
from robot_rl.runtime.runs.run_folder import RunFolder

LEARNING_CURVES = ("critic_loss", "q", "temperature", "entropy", "policy_std")
"""Of the learner's metrics, those that are drawn where they exist."""


def draw_curves(folder: Path, history: History) -> list[Path]:
    """Write success.png, human.png and learning.png into `folder`; a curve without data is left out."""
    drawn = []
    if history.steps.size:
        drawn.append(_figure(folder / "success.png", [(_success, history)]))
        drawn.append(_figure(folder / "human.png", [(_human, history)]))
    names = [name for name in LEARNING_CURVES if _series(history, name)[1].size]
    if names:
        drawn.append(_figure(folder / "learning.png", [(_learning(name), history) for name in names]))
    return drawn


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


def draw_histograms(path: Path, series: Mapping[str, np.ndarray]) -> Path:
    """Write one image with a histogram of each series, (N,) each, cut at twice its 99th percentile."""
    figure, axes = plt.subplots(len(series), 1, figsize=(7, 1.7 * len(series) + 0.4), squeeze=False)
    for axis, (name, values) in zip(axes[:, 0], series.items(), strict=True):
        axis.hist(values, bins=60, range=(0.0, max(2.0 * float(np.percentile(values, 99)), 1.0)))
        axis.set(xlabel=name, ylabel="steps", yscale="log")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _figure(path: Path, parts: list[tuple[Any, History]]) -> Path:
    figure, axes = plt.subplots(len(parts), 1, figsize=(7, 2.4 * len(parts) + 0.6), squeeze=False)
    for axis, (part, history) in zip(axes[:, 0], parts, strict=True):
        part(axis, history)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
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


def _learning(name: str) -> Any:
    def draw(axis: Axes, history: History) -> None:
        axis.plot(*_series(history, name), linewidth=1)
        axis.set(xlabel="updates", ylabel=name)

    return draw


def _series(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    points = [(event["step"], event[name]) for event in history.updates if event.get(name) is not None]
    return np.array([step for step, _ in points]), np.array([value for _, value in points])
