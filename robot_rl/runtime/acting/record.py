"""Demonstrations: whole episodes of an expert or a person, written to disk and read back as an actor's records."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from robot_rl.core import checks
from robot_rl.core.errors import RobotRLError, RunFolderError
from robot_rl.core.records import Source, StepRecord
from robot_rl.core.seeds import Purpose, episode_seeds, generator
from robot_rl.data.formats import DatasetFormat, Episode, check_format, make_format
from robot_rl.runtime.acting.observation import encode_steps
from robot_rl.runtime.acting.outbox import StepId, to_record
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import RESETS_MAX, Step, Stepper
from robot_rl.teleop.arbiter import ControlAuthority
from robot_rl.vision.encoder import Encoder
from robot_rl.vision.recordings import OBJECT_STATES

ACTOR = "demonstration"
ATTEMPTS_PER_EPISODE = 10
HELD = "success"
"""Folder, within that of the episodes, of the steps after success."""


@dataclass
class RecordingSummary:
    """Counts of a recording session."""

    recorded: int = 0  # episodes written now
    earlier: int = 0  # episodes of earlier sessions
    discarded: int = 0  # attempts without success
    steps: int = 0  # written now

    @property
    def total(self) -> int:
        """Episodes that the folder holds."""
        return self.earlier + self.recorded


@dataclass(frozen=True)
class RecordingConfig:
    """Aim of a recording session.

    Raises:
        ConfigError: a negative number of episodes.
    """

    folder: Path
    """Folder of the episodes; existing ones count."""
    episodes: int
    """Number of episodes that the folder is to hold."""
    seed: int = 0
    task: str = ""
    """Written beside each episode."""
    keep_failures: bool = False
    """Keep episodes without success as well."""

    hold_success: int = 0
    """Steps that go on after success; they are kept apart, for a reward classifier, and belong to no demonstration."""

    format: str = "episodes"
    """Name of the dataset format."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "episodes", "hold_success")
        check_format(self.format)

    @cached_property
    def dataset(self) -> DatasetFormat:
        """Reader and writer of the folder."""
        return make_format(self.format)


def collect_demonstrations(
    rollout: Rollout,
    config: RecordingConfig,
    *,
    progress: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
) -> RecordingSummary:
    """Record until the folder holds the demonstrations; a session continues an earlier one.

    The rollout's human acts; without an encoder the images are kept, so that the demonstrations serve any encoder. Each
    episode is written when it ends; one that is interrupted is dropped. Steps before the human first acts are left out.

    Raises:
        RobotRLError: hardly any attempt succeeds.
    """
    summary = RecordingSummary(earlier=config.dataset.count(config.folder))
    seeds = episode_seeds(Purpose.DEMONSTRATION, config.seed, session=summary.earlier)
    stepper = Stepper(rollout, generator(Purpose.DEMONSTRATION, config.seed, 1, summary.earlier))
    with Progress(disable=not progress, transient=True) as bar:
        row = bar.add_task("demonstrations", total=config.episodes, completed=summary.earlier)
        while summary.total < config.episodes and not should_stop():
            _record_episode(stepper, config, summary, next(seeds), should_stop)
            text = f"demonstrations ({summary.total} of {config.episodes}, {summary.discarded} discarded)"
            bar.update(row, completed=summary.total, description=text)
    return summary


def _record_episode(
    stepper: Stepper, config: RecordingConfig, summary: RecordingSummary, seed: int, should_stop: Callable[[], bool]
) -> None:
    """Run one episode and write it unless it is discarded.

    Raises:
        RobotRLError: hardly any attempt succeeds.
    """
    steps, objects = _act(stepper, seed, should_stop)
    steps, unsure = _moved_back(steps, stepper.rollout)
    if _worth_keeping(steps, config.keep_failures):
        encoder = stepper.rollout.encoder
        meta = _meta(steps, config.task, seed) | unsure | ({"encoder": encoder.identity} if encoder else {})
        meta |= {OBJECT_STATES: objects[: len(steps) + 1]} if any(objects) else {}
        config.dataset.write(config.folder, Episode(_records(steps, summary.total, config.task), meta))
        if steps[-1].success and (held := _hold(stepper, config.hold_success)):
            meta = meta | {"demonstration": summary.total, "steps": len(held), OBJECT_STATES: []}
            config.dataset.write(config.folder / HELD, Episode(_records(held, summary.total, config.task), meta))
        summary.recorded += 1
        summary.steps += len(steps)
        return
    summary.discarded += 1
    _check_attempts(summary, config.episodes)


def load_demonstrations(
    folder: Path, encoder: Encoder | None, seed: int = 0, run: str = ACTOR, dataset: str = "episodes"
) -> Iterator[StepRecord]:
    """Return the successful episodes of a folder as one actor's records, encoded and numbered through.

    Args:
        dataset: name of the dataset format.

    Raises:
        RunFolderError: the folder holds none.
    """
    episodes = make_format(dataset)
    if not episodes.count(folder):
        raise RunFolderError(
            f"demonstrations: got 0 episodes in {folder}, expected at least one; record some with `robot-rl record`."
        )
    return _load(folder, encoder, generator(Purpose.ENCODING, seed), run, dataset)


def _load(
    folder: Path, encoder: Encoder | None, rng: np.random.Generator, run: str, dataset: str
) -> Iterator[StepRecord]:
    sequence = 0
    for number, meta, steps in read_encoded(folder, encoder, rng, dataset):
        for step in steps if meta.get("success", True) else ():  # failures and play are for a reward classifier
            yield replace(step, actor=ACTOR, run=run, sequence=sequence, episode=number, source=Source.DEMONSTRATION)
            sequence += 1


def read_encoded(
    folder: Path, encoder: Encoder | None, rng: np.random.Generator, dataset: str
) -> Iterator[tuple[int, Mapping[str, Any], Iterable[StepRecord]]]:
    """Yield number, meta and steps of a folder's episodes; the steps are encoded as they are read.

    Raises:
        RunFolderError: an episode holds the features of another encoder and no frames.
    """
    for number, (steps, meta) in enumerate(make_format(dataset).read(folder)):
        missing = _missing_encoder(f"episode {number} of {folder}", steps[0], meta.get("encoder"), encoder)
        yield number, meta, steps if missing is None else encode_steps(steps, missing, rng)


def _missing_encoder(where: str, step: StepRecord, stored: str | None, encoder: Encoder | None) -> Encoder | None:
    """Return what has yet to encode an episode; None for one that holds this encoder's features.

    Args:
        step: one of the episode.
        stored: identity of the encoder whose features the episode holds, None for images.

    Raises:
        RunFolderError: it holds the features of another encoder and no frames.
    """
    own = "" if encoder is None else encoder.identity
    if stored is None or (stored != own and encoder is not None and step.frames.keys() >= set(encoder.cameras)):
        return encoder
    if stored == own:
        return None
    raise RunFolderError(
        f"demonstrations: got {where} with features of encoder {stored[:12]} and no frames, expected images, frames or "
        f"features of {own[:12] or 'none'}; record with images, or train with that encoder."
    )


def _worth_keeping(steps: list[Step], keep_failures: bool) -> bool:
    """Return whether an episode is whole and, unless failures are kept, a success."""
    return bool(steps) and steps[-1].last and (steps[-1].success or keep_failures)


def _act(stepper: Stepper, seed: int, should_stop: Callable[[], bool]) -> tuple[list[Step], list[list[float]]]:
    """Return the steps of one episode from where the human first acted, and the object's state before each."""
    stepper.begin(seed, RESETS_MAX)
    steps: list[Step] = []
    objects = [_object_state(stepper.rollout)]
    while not (steps and steps[-1].last) and not should_stop():
        step = stepper.step()
        if not steps:
            objects = objects[-1:]  # those before the human acted are left out, too
        objects.append(_object_state(stepper.rollout))
        if steps or step.decision.charge is ControlAuthority.HUMAN:
            steps.append(step)
        elif step.last:  # ended before the human acted
            break
    return steps, objects


def _object_state(rollout: Rollout) -> list[float]:
    """Return the object's state as the simulator knows it, which only a check of an encoder reads; else nothing."""
    read = getattr(rollout.env.unwrapped, "object_state", None)
    return [] if read is None else [round(float(x), 6) for x in read()]


def _hold(stepper: Stepper, count: int) -> list[Step]:
    """Return steps after success, up to a fault: the human may go on moving as long as it remains one."""
    steps: list[Step] = []
    while len(steps) < count and (step := stepper.step()).observed and not step.fault:
        steps.append(replace(step, terminated=False, truncated=len(steps) + 1 == count))
    return [*steps[:-1], replace(steps[-1], truncated=True)] if steps else []


def _moved_back(steps: list[Step], rollout: Rollout) -> tuple[list[Step], dict[str, int]]:
    """Return the steps up to the one that a success label at the end is about, and the number of unsure frames.

    The label came a reaction time later.
    """
    if not (steps and steps[-1].success and "success" in steps[-1].decision.labels):
        return steps, {}
    delay, last = rollout.reward.reaction_steps(rollout.period_s), steps[-1]
    about = max(0, len(steps) - 1 - delay)
    ending = replace(steps[about], reward=last.reward, terminated=True, truncated=False, success=True)
    return [*steps[:about], ending], {"unsure": delay}


def _records(steps: list[Step], episode: int, task: str) -> list[StepRecord]:
    """Return the steps as records. Each is a demonstration, also those in which the human's hand rested."""
    records = [to_record(step, StepId(episode, number), ACTOR, task or ACTOR) for number, step in enumerate(steps)]
    return [replace(record, source=Source.DEMONSTRATION) for record in records]


def _meta(steps: list[Step], task: str, seed: int) -> dict[str, Any]:
    last = steps[-1]
    reward = sum(step.reward for step in steps)
    return {"task": task, "seed": seed, "steps": len(steps), "reward": reward, "success": last.success}


def _check_attempts(summary: RecordingSummary, episodes: int) -> None:
    if summary.discarded >= ATTEMPTS_PER_EPISODE * episodes:
        raise RobotRLError(
            f"demonstrations: got {summary.recorded} successes and {summary.discarded} failures, "
            "expected mostly successes; watch an episode, or keep failures explicitly."
        )
