"""A fleet's scaling: simulated actors in real time on one learner, and the time until its policy succeeds alone."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.bench.trainings import Training, machine, period_metrics, show, training
from robot_rl.runtime.learning.kept_policies import kept_policies
from robot_rl.runtime.runs.history import EVALUATION, by_step
from robot_rl.runtime.runs.metrics import read_metrics

ACTORS, SEEDS = (1, 2, 4, 8), (0,)
TASK = "pick-lift"
"""From images: given its state alone, the clone of 20 demonstrations succeeds in 28 of 30 episodes before any step."""
LIMIT_S = 1200.0
EPISODES, EVERY = 30, 200
FLAGS = ("--speed", "1", "--evaluation.every", f"{EVERY}", "--evaluation.every-episodes", f"{EPISODES}")


def run(actors: Sequence[int] = ACTORS, seconds: float = LIMIT_S, seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Return for each number of actors the wall time until the greedy policy alone succeeds in 30 of 30 episodes.

    `actors_4_s_to_30_of_30` is the mean over the seeds and counts from the first actor's first step,
    `actors_4_seed_0_s_from_start` from the start of the processes, demonstrations and compilation included; None where
    it was not reached. `actors_4_speedup` is the first number's time by that of four. A policy is kept each 200 steps
    and evaluated in order, at the lowest priority beside the training; where none got there, the rest after it.

    Args:
        actors: numbers of actors, each a training of its own.
        seconds: limit of each training.
        seeds: of the trainings of each number: a single one says little, since they differ by a factor of two.
    """
    metrics = machine() | {"limit_s": seconds}
    for count in actors:
        for seed in seeds:
            metrics |= measure(count, seconds, seed)
            show(metrics)
        metrics[f"actors_{count}_s_to_30_of_30"] = now = mean_s(metrics, count, seeds)
        first = metrics[f"actors_{actors[0]}_s_to_30_of_30"]
        metrics[f"actors_{count}_speedup"] = None if first is None or now is None else round(first / now, 2)
    return metrics


def mean_s(metrics: Mapping[str, Any], actors: int, seeds: Sequence[int]) -> float | None:
    """Return the mean time of a number of actors [s]; None where a seed did not get there."""
    times = [metrics[f"actors_{actors}_seed_{seed}_s_to_30_of_30"] for seed in seeds]
    return None if None in times else round(float(np.mean(times)), 1)


def measure(actors: int, seconds: float, seed: int) -> dict[str, Any]:
    """Return the metrics of one training of a number of actors."""
    name, words = f"actors_{actors}_seed_{seed}", ("--actors", f"{actors}", "--seed", f"{seed}", *FLAGS)
    with tempfile.TemporaryDirectory() as root, training(Path(root), *words, task=TASK) as run:
        run.await_updates(actors)
        load = machine()["load_1min"]
        reached = run.until(lambda: _reached(run), seconds)
        run.stop()
        if reached is None:
            evaluate = [sys.executable, "-m", "robot_rl", "curve", str(run.folder.root)]
            subprocess.run(evaluate, stdout=sys.stderr, check=True)
        return {f"{name}_load_1min": load} | _metrics(name, actors, run)


def _metrics(name: str, actors: int, run: Training) -> dict[str, Any]:
    acting_s, reached = _acting_since(run, actors), _reached(run)
    kept = {policy.env_steps: policy.path.stat().st_mtime for policy in kept_policies(run.folder.policies)}
    lines = [line for actor in range(actors) for line in run.episodes(actor)]
    periods = np.concatenate([run.periods_ms(actor) for actor in range(actors)])
    acted_s = max(line["wall_s"] for line in lines) - acting_s
    return {
        f"{name}_s_to_30_of_30": round(kept[reached] - acting_s, 1) if reached else None,
        f"{name}_s_from_start": round(kept[reached] - run.begun_s, 1) if reached else None,
        f"{name}_env_steps": reached,
        f"{name}_steps_per_s": round(sum(line["steps"] for line in lines) / max(acted_s, 1e-9), 1),
        f"{name}_updates_per_s": round(float(np.median([line["updates_per_s"] for line in run.updates()])), 1),
        **period_metrics(name, periods),
        f"{name}_missed": sum(run.episodes(actor)[-1]["missed"] for actor in range(actors)),
        f"{name}_curve": [[line["step"], line["successes"]] for line in _evaluations(run)],
    }


def _evaluations(run: Training) -> list[Any]:
    return list(by_step(read_metrics(run.folder.curve, kind=EVALUATION)))


def _reached(run: Training) -> int | None:
    """Return the steps of the first policy that succeeded always."""
    full = (int(line["step"]) for line in _evaluations(run) if line["successes"] == EPISODES == line["episodes"])
    return next((step for step in full if step), None)


def _acting_since(run: Training, actors: int) -> float:
    """Return when the first episode began [s], Unix time."""
    first = [run.episodes(actor)[0] for actor in range(actors)]
    return min(float(line["wall_s"]) - float(line["duration_s"]) for line in first)
