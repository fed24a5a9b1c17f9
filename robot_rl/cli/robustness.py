"""`robot-rl robustness`: success of a policy over variations of its task."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from robot_rl import build
from robot_rl.cli.arguments import ResultArguments
from robot_rl.cli.evaluate import make_rollout
from robot_rl.config import TrainConfig, evaluation_config
from robot_rl.core.errors import ConfigError
from robot_rl.envs.foreign_config import is_foreign
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult, evaluate
from robot_rl.runtime.runs.robustness import (
    AS_TRAINED,
    IMAGE_FILE,
    Robustness,
    VariedResult,
    draw_robustness,
    read_robustness,
)
from robot_rl.runtime.runs.run_folder import RunFolder, finish_result, new_result
from robot_rl.runtime.runs.stop import StopSignal

if TYPE_CHECKING:
    from robot_rl.envs.variations import Variation


@dataclass(frozen=True, kw_only=True)
class Arguments(ResultArguments):
    """Run the policy of a run on the family of its task: other friction, softer contacts, a softer arm, other light,
    moved cameras, late commands, a push. One table of success, each row with Wilson's 95 % interval; the first row is
    the task as it was trained. The scenes of all rows are the same ones, so that rows differ by the variation alone.
    Deterministic, without a human, judged by ground truth; simulator only. Writes robustness/{table.json, table.md,
    robustness.png} into the run's folder; a table that is there is never overwritten, and one that was stopped goes on
    with the same command.

    examples:
      robot-rl robustness runs/first                          all variations, 50 episodes each
      robot-rl robustness runs/first --vary push delay --again
      robot-rl robustness runs/first --vary push=30,40 friction=0.3 --episodes 200 --out more
      robot-rl robustness runs/first --who expert             what the task itself allows

    variations and their levels:
      friction      0.5, 0.75, 1.5 x   of all surfaces
      softness      2.5, 5 x           time constant of contacts: a soft part gives way
      stiffness     0.5, 0.75 x        of the arm's controller
      light         0.5, 0.75, 1.5 x   brightness of the lamps
      camera-shift  5, 10, 20 mm       each camera, in a random direction, drawn for each episode
      camera-turn   0.5, 1, 2 deg      each camera, about a random axis
      delay         50, 100, 200 ms    of each command
      push          5, 10, 20 N        on the hand for 0.3 s, sideways, once in an episode
    """

    episodes: int = 50
    """Episodes of each row."""
    vary: tuple[str, ...] = ()
    """Variations, as NAME or NAME=LEVEL,LEVEL; none: all of them, at the levels above."""
    seed: int | None = None
    """Seed of the episodes; None: as in the run's settings."""
    who: Literal["policy", "expert"] = "policy"
    """Source of the actions: the policy, or the task's scripted expert."""
    out: Path | None = None
    """Folder of the table; None: `robustness` in the run's folder, `robustness-expert` for the expert."""


def run(arguments: Arguments) -> int:
    """Evaluate one row after the other; print and write the table."""
    folder, config = arguments.open()
    config = _check(evaluation_config(config))
    out = arguments.out or folder.root / ("robustness" if arguments.who == "policy" else "robustness-expert")
    stop, before = StopSignal().install(), read_robustness(out.with_name(f"{out.name}.part"))
    with new_result(out, arguments.again) as part:
        table = _evaluate_all(arguments, folder, config, part, stop, before)
    if stop():
        print(f"{table.markdown()}\nstopped; the rows above are in {part}: the same command goes on after them")
        return 130
    draw_robustness(table, part / IMAGE_FILE)
    finish_result(part, out)
    print(f"{table.markdown()}\n\ntable and image in {out}")
    return 0


def _check(config: TrainConfig) -> TrainConfig:
    """Return the settings of a run in the simulator.

    Raises:
        ConfigError: of a real arm, or of an environment whose physics are not ours.
    """
    if config.robot.on_graph:
        raise ConfigError(
            "robustness: got a run of an arm on the graph, expected the simulator: no program changes friction, "
            "light or a camera's pose there; change it by hand, then `robot-rl evaluate RUN --out FOLDER`."
        )
    if is_foreign(config.task):
        raise ConfigError(f"robustness: got the environment {config.task}, expected a task of the simulator.")
    return config


def _evaluate_all(
    arguments: Arguments,
    folder: RunFolder,
    config: TrainConfig,
    part: Path,
    stop: StopSignal,
    before: Robustness | None,
) -> Robustness:
    from robot_rl.envs.variations import parse_variations, vary

    variations: list[Variation | None] = [None, *parse_variations(arguments.vary, config.vision.mode != "state")]
    episodes = arguments.episodes
    seed = config.evaluation.seed if arguments.seed is None else arguments.seed
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with closing(build.make_env(config)) as env, Progress(*columns, transient=True) as bar:
        varied, rollout = vary(cast(Any, env.unwrapped)), make_rollout(folder, env, config, arguments.who)
        task = bar.add_task("", total=episodes * len(variations))
        table = Robustness(folder.name, seed, 0 if rollout.policy is None else rollout.policy.version, ())
        done = before if before is not None and replace(before, results=()) == table else table
        for variation in variations:
            varied.variation = variation
            name = AS_TRAINED if variation is None else f"{variation.kind} {variation.level:g}"
            peaks_n: list[float] = []

            def count(results: tuple[EpisodeResult, ...], name: str = name, peaks_n: list[float] = peaks_n) -> None:
                peaks_n.append(rollout.robot_env.metrics()["force_peak_n"])
                successes = sum(result.success for result in results)
                bar.update(task, advance=1, description=f"{name}: {successes} of {len(results)}")

            kind, level = (AS_TRAINED, 1.0) if variation is None else (variation.kind, variation.level)
            if (row := done.row(kind, level, episodes)) is not None:
                bar.update(task, advance=episodes)
            else:
                result = evaluate(rollout, episodes, seed, on_episode=count, should_stop=stop)
                if len(result.episodes) < episodes:
                    break
                row = _row(variation, result, peaks_n)
            table = replace(table, results=(*table.results, row))
            table.save(part)
    return table


def _row(variation: Variation | None, result: EvaluationResult, peaks_n: Sequence[float]) -> VariedResult:
    from robot_rl.envs.variations import KINDS

    cycle, peak_n = result.cycle_steps, float(np.median(peaks_n))
    counts = (len(result.episodes), result.successes, sum(episode.fault for episode in result.episodes))
    median = None if cycle is None else cycle.median
    if variation is None:
        return VariedResult(AS_TRAINED, "as it was trained", 1.0, 1.0, "x", *counts, median, peak_n)
    kind = KINDS[variation.kind]
    return VariedResult(variation.kind, kind.text, variation.level, kind.nominal, kind.unit, *counts, median, peak_n)
