"""Runs grouped by method: what differs only in the seed belongs together."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.runtime.runs.report import read_run
from robot_rl.runtime.runs.run_folder import RunFolder

DIFFERENCES_MAX = 3
"""Settings named in a label; where methods differ in more, a run's name stands for them."""


class SeedRun(NamedTuple):
    """One finished run."""

    name: str
    seed: int
    success: float
    """Success rate of the policy alone."""
    episodes: int
    """Episodes of the evaluation."""
    robot_minutes: float
    """Time of the training's environment steps at the control rate [min]."""
    human_steps: int


class MethodGroup(NamedTuple):
    """Runs that differ only in the seed, in the order of their seeds."""

    label: str
    runs: tuple[SeedRun, ...]

    @property
    def scores(self) -> np.ndarray:
        """Success rates, (N,)."""
        return np.array([run.success for run in self.runs])


def read_groups(folders: Sequence[RunFolder]) -> tuple[str, list[MethodGroup]]:
    """Return the task and the groups, in the order of their first runs.

    Raises:
        ConfigError: several tasks, or a seed twice in one group.
        RunFolderError: a config without task and seed, or a run that is not evaluated.
    """
    configs = {folder: _read_config(folder) for folder in dict.fromkeys(folders)}
    task = _only_task(configs)
    grouped: dict[str, list[RunFolder]] = {}
    for folder, config in configs.items():
        grouped.setdefault(json.dumps(_method_settings(config), sort_keys=True), []).append(folder)
    settings = [_method_settings(configs[members[0]]) for members in grouped.values()]
    labels = [_label(index, settings, str(members[0].root)) for index, members in enumerate(grouped.values())]
    groups = [
        MethodGroup(label, _in_order_of_seeds(label, {folder: configs[folder]["seed"] for folder in members}))
        for label, members in zip(labels, grouped.values(), strict=True)
    ]
    return task, groups


def _read_config(folder: RunFolder) -> dict[str, Any]:
    """Return a run's settings by dotted names."""
    try:
        config = dict(json.loads(folder.config_file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise RunFolderError(f"run: got {folder.config_file}, expected settings in JSON ({error}).") from error
    absent = [name for name in ("task", "seed") if name not in config]
    if absent:
        raise RunFolderError(
            f"run: got {folder.config_file} without {' and '.join(absent)}, expected the settings of a training; name "
            "folders that `robot-rl train` wrote."
        )
    return {name: _within_run(value, folder) for name, value in _flat(config).items()}


def _within_run(value: Any, folder: RunFolder) -> Any:
    """Return a setting; of a file that lies in the run's own folder, also one that was moved, its name alone."""
    path = Path(value) if isinstance(value, str) else None
    return value if path is None or path.parent.name != folder.name else f"<run>/{path.name}"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        nested = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat


def _method_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that make the method: neither the seed nor how the outcome was evaluated."""
    settings = {name: value for name, value in config.items() if name != "seed" and not name.startswith("evaluation.")}
    if settings.get("play"):  # each run then learns an encoder of its own
        settings.pop("vision.identity", None)
    return settings


def _only_task(configs: Mapping[RunFolder, Mapping[str, Any]]) -> str:
    tasks: dict[str, str] = {}
    for folder, config in configs.items():
        tasks.setdefault(str(config["task"]), folder.name)
    if len(tasks) != 1:
        listed = ", ".join(f"{task} ({name})" for task, name in tasks.items()) or "none"
        raise ConfigError(f"runs: got the tasks {listed}, expected one task; compare the runs of each task by itself.")
    return next(iter(tasks))


def _label(index: int, settings: Sequence[Mapping[str, Any]], run: str) -> str:
    """Return a group's method, with the settings in which it differs from other groups of that method."""
    own = settings[index]
    method = str(own.get("method", "?"))
    others = [other for other in settings if other.get("method", "?") == method]
    names = sorted({name for other in others for name in {*own, *other} if own.get(name) != other.get(name)})
    if not names:
        return method
    if len(names) > DIFFERENCES_MAX:
        return f"{method} as {run}"
    return f"{method}, {', '.join(f'{name} {_shown(own.get(name))}' for name in names)}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _in_order_of_seeds(label: str, seeds: Mapping[RunFolder, int]) -> tuple[SeedRun, ...]:
    twice = [seed for seed, count in Counter(seeds.values()).items() if count > 1]
    if twice:
        names = " and ".join(str(folder.root) for folder, seed in seeds.items() if seed == twice[0])
        raise ConfigError(
            f"runs: got seed {twice[0]} of {label} in {names}, expected each seed once, since repetitions are not "
            "independent; leave all but one out."
        )
    return tuple(read_seed(folder, seed) for folder, seed in sorted(seeds.items(), key=lambda item: item[1]))


def read_seed(folder: RunFolder, seed: int) -> SeedRun:
    """Return a finished run.

    Raises:
        RunFolderError: it has no evaluation with a verdict.
    """
    data = read_run(folder)
    summary = data.evaluation or {}
    if not summary.get("episodes") or summary.get("unjudged") == summary.get("episodes"):
        found = "whose evaluation has no judged episode" if summary else "which is not finished: it has no evaluation"
        raise RunFolderError(
            f"run: got {folder.root}, {found}, expected an evaluated run; leave it out, or let it end and run "
            f"`robot-rl evaluate {folder.root}`."
        )
    steps, human_steps = int(data.history.steps.sum()), int(data.history.human_steps.sum())
    minutes = steps * float(summary["period_s"]) / 60
    success = summary["successes"] / summary["episodes"]
    return SeedRun(folder.name, seed, success, summary["episodes"], minutes, human_steps)
