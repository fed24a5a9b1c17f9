"""Demonstrations: an expert or a person acts, whole episodes go to disk, and come back as an actor's records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from robot_rl.core.clock import Clock, RateKeeper, SystemClock
from robot_rl.core.errors import RobotRLError, RunFolderError
from robot_rl.core.records import Record, Source, StepRecord
from robot_rl.data.episodes import list_episodes, read_episode, write_episode
from robot_rl.rewards.combined import CombinedReward, make_reward
from robot_rl.runtime.acting.observation import Encoder, encode_steps
from robot_rl.runtime.acting.outbox import Outbox, StepId
from robot_rl.runtime.acting.stepper import Step, Stepper, episode_seeds, next_seed
from robot_rl.teleop.arbiter import ControlAuthority
from robot_rl.teleop.device import Device
from robot_rl.teleop.devices.scripted import Expert, ExpertDevice

ACTOR = "demonstration"
ATTEMPTS_PER_EPISODE = 10


@dataclass
class RecordingSummary:
    """What a recording session brought."""

    kept: int = 0  # episodes written now
    found: int = 0  # episodes that were there before
    discarded: int = 0  # attempts without success
    steps: int = 0  # written now

    @property
    def total(self) -> int:
        """Episodes that the folder holds."""
        return self.found + self.kept


def collect_demonstrations(
    env: gymnasium.Env[Any, Any],
    encoder: Encoder | None,
    demonstrator: Expert | Device,
    episodes: int,
    folder: Path,
    seed: int,
    *,
    task: str = "",
    keep_failures: bool = False,
    reward: CombinedReward | None = None,
    progress: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Clock | None = None,
    pace: RateKeeper | None = None,
) -> RecordingSummary:
    """Record until `folder` holds `episodes` demonstrations; those it holds already count, so a session can go on.

    Each episode is written when it ends; one that is interrupted is dropped. Steps before the human first acts are left
    out.

    Args:
        encoder: None keeps the pictures, so that the demonstrations serve any encoder.
        demonstrator: a device, or an expert who never lets go.
        keep_failures: keep episodes without success, too.
        pace: of a person; None: as fast as the environment goes.

    Raises:
        RobotRLError: hardly any attempt succeeds.
    """
    clock = clock or SystemClock()
    summary = RecordingSummary(found=len(list_episodes(folder)) if folder.exists() else 0)
    seeds, steps_rng = episode_seeds(seed, session=summary.found)
    human = _device(demonstrator, steps_rng)
    reward = reward or make_reward()
    stepper = Stepper(env, None, steps_rng, encoder=encoder, human=human, reward=reward, clock=clock, pace=pace)
    with _progress_bar(progress) as bar:
        row = bar.add_task("demonstrations", total=episodes, completed=summary.found, note="")
        while summary.total < episodes and not should_stop():
            episode_seed = next_seed(seeds)
            steps = _act(stepper, episode_seed, should_stop)
            if _worth_keeping(steps, keep_failures):
                meta = _meta(steps, task, episode_seed) | ({"encoder": encoder.identity} if encoder else {})
                write_episode(folder, _records(steps, summary.total, task, clock), meta)
                summary.kept += 1
                summary.steps += len(steps)
            else:
                summary.discarded += 1
                _check_attempts(summary, episodes)
            bar.update(row, completed=summary.total, note=f"{summary.discarded} discarded")
    return summary


def load_demonstrations(folder: Path, encoder: Encoder | None, seed: int = 0, run: str = ACTOR) -> Iterator[StepRecord]:
    """Return the demonstrations of a folder as one actor's records, encoded and numbered through.

    Raises:
        RunFolderError: the folder holds none.
    """
    paths = list_episodes(folder) if folder.exists() else []
    if not paths:
        raise RunFolderError(
            f"demonstrations: got 0 episodes in {folder}, expected at least one; record some with `robot-rl record`."
        )
    return _load(paths, encoder, np.random.default_rng(seed), run)


def _load(paths: list[Path], encoder: Encoder | None, rng: np.random.Generator, run: str) -> Iterator[StepRecord]:
    sequence = 0
    for episode, path in enumerate(paths):
        steps, meta = read_episode(path)
        for step in encode_steps(steps, _missing_encoder(path, meta, encoder), rng):
            yield replace(step, actor=ACTOR, run=run, sequence=sequence, episode=episode)
            sequence += 1


def _missing_encoder(path: Path, meta: Mapping[str, Any], encoder: Encoder | None) -> Encoder | None:
    """Return what has yet to encode an episode; None for one that holds this encoder's features.

    Raises:
        RunFolderError: it holds the features of another encoder.
    """
    stored = meta.get("encoder")
    if stored is None:
        return encoder
    wanted = "" if encoder is None else encoder.identity
    if stored != wanted:
        raise RunFolderError(
            f"demonstrations: got {path} with features of encoder {stored[:12]}, expected pictures or features of "
            f"{wanted[:12] or 'none'}; record with pictures, or train with that encoder."
        )
    return None


def _device(demonstrator: Expert | Device, rng: np.random.Generator) -> Device:
    return demonstrator if isinstance(demonstrator, Device) else ExpertDevice(demonstrator, rng)


def _worth_keeping(steps: list[Step], keep_failures: bool) -> bool:
    """Return whether an episode is whole and, unless failures are kept, a success."""
    return bool(steps) and steps[-1].last and (steps[-1].success or keep_failures)


def _act(stepper: Stepper, seed: int, should_stop: Callable[[], bool]) -> list[Step]:
    """Return the steps of one episode from where the human first acted."""
    stepper.begin(seed)
    steps: list[Step] = []
    while not (steps and steps[-1].last) and not should_stop():
        step = stepper.step()
        if steps or step.decision.charge is ControlAuthority.HUMAN:
            steps.append(step)
        elif step.last:  # over before the human began
            break
    return steps


class _Collector:
    """A link that keeps what it gets."""

    backlog = 0

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []

    def put(self, record: Record) -> None:
        """Keep a step."""
        if isinstance(record, StepRecord):
            self.steps.append(record)

    def latest_weights(self) -> None:
        """Return nothing: nobody learns yet."""


def _records(steps: list[Step], episode: int, task: str, clock: Clock) -> list[StepRecord]:
    """Return the steps as records; what the human did is a demonstration."""
    collector = _Collector()
    outbox = Outbox(ACTOR, task or ACTOR, collector, clock)
    for number, step in enumerate(steps):
        outbox.keep(step, StepId(episode, number))
        outbox.release()
    return [
        replace(record, source=Source.DEMONSTRATION) if record.source == Source.HUMAN else record
        for record in collector.steps
    ]


def _meta(steps: list[Step], task: str, seed: int) -> dict[str, Any]:
    last = steps[-1]
    reward = sum(step.reward for step in steps)
    return {"task": task, "seed": seed, "steps": len(steps), "reward": reward, "success": last.success}


def _check_attempts(summary: RecordingSummary, episodes: int) -> None:
    if summary.discarded >= ATTEMPTS_PER_EPISODE * episodes:
        raise RobotRLError(
            f"demonstrations: got {summary.kept} successes and {summary.discarded} failures, "
            "expected mostly successes; watch an episode, or keep failures on purpose."
        )


def _progress_bar(shown: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, disable=not shown, transient=True)
