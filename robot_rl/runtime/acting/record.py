"""Recording of demonstrations: whole episodes of an expert or a person, written to disk."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, RobotRLError, StopRequestedError
from robot_rl.core.records import Source, StepRecord
from robot_rl.core.seeds import Purpose, episode_seeds, generator
from robot_rl.data.formats import DatasetFormat, Episode, check_format, make_format, read_metas
from robot_rl.data.stages import stages_meta
from robot_rl.runtime.acting.demonstrations import ACTOR, HELD
from robot_rl.runtime.acting.go import RUNS, await_ready, show_here
from robot_rl.runtime.acting.outbox import StepId, to_record
from robot_rl.runtime.acting.recording_screen import RecordingScreen, RecordingSummary
from robot_rl.runtime.acting.recordings import Origin, check_recordings
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.acting.stepper import RESETS_MAX, Stepper
from robot_rl.teleop.arbiter import ControlAuthority
from robot_rl.vision.recordings import OBJECT_STATES

ATTEMPTS_PER_EPISODE = 10
"""Attempts without success, for each episode wanted, after which a recording without a person gives up."""


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
    origin: Origin = field(default_factory=lambda: Origin(""))
    """Task and cameras, written beside each episode; a folder of another one is refused."""
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
    ends_wait: Callable[[str], AbstractContextManager[None]] = lambda awaited: nullcontext(),
) -> RecordingSummary:
    """Record until the folder holds the demonstrations; a session continues an earlier one.

    The rollout's human acts; without an encoder the images are kept, so that the demonstrations serve any encoder. Each
    episode is written when it ends; one that is interrupted is dropped. Steps before the human first acts are left out.
    The label `undo` takes the newest episode back, at any time.

    Args:
        ends_wait: entered, with what is waited for in words, around each wait for a person.

    Raises:
        RobotRLError: hardly any attempt of a script succeeds.
        ConfigError: the folder holds episodes of another task, other cameras or crops.
    """
    check_recordings([config.folder], config.format, config.origin)
    summary = RecordingSummary(earlier=config.dataset.count(config.folder))
    with RecordingScreen(rollout, config.folder, config.episodes, progress) as screen:
        session = _Session(rollout, config, summary, screen, should_stop, ends_wait)
        with suppress(StopRequestedError):
            while summary.total < config.episodes and not should_stop():
                session.record_episode()
    return summary


class _Session:
    """State of a recording between two episodes."""

    def __init__(
        self,
        rollout: Rollout,
        config: RecordingConfig,
        summary: RecordingSummary,
        screen: RecordingScreen,
        should_stop: Callable[[], bool],
        ends_wait: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._config, self._summary, self._screen = config, summary, screen
        self._should_stop, self._ends_wait = should_stop, ends_wait
        self._seeds = episode_seeds(Purpose.DEMONSTRATION, config.seed, session=summary.earlier)
        self._stepper = Stepper(rollout, generator(Purpose.DEMONSTRATION, config.seed, 1, summary.earlier))

    def record_episode(self) -> None:
        """Run one episode and write it unless it is discarded.

        Raises:
            RobotRLError: hardly any attempt of a script succeeds.
        """
        config, summary, seed = self._config, self._summary, next(self._seeds)
        self._begin(seed)
        steps, objects = self._act()
        steps, unsure = _moved_back(steps, self._stepper.rollout)
        if not (steps and steps[-1].last and (steps[-1].success or config.keep_failures)):
            summary.discarded += bool(steps) or not self._should_stop()
            self._screen.ended(summary, steps, kept=False)
            if not self._stepper.rollout.person_acts:  # who may practise
                _check_attempts(summary, config.episodes)
            return
        late = self._write(steps, objects, unsure, seed)
        summary.recorded += 1
        summary.steps += len(steps)
        self._screen.ended(summary, steps, kept=True)
        self._undo(late)

    def _begin(self, seed: int) -> None:
        """Reset, once a person has said that the scene is set; an operator's reset asks for that itself."""
        with self._ends_wait("the scene"):
            rollout = self._stepper.rollout
            if asks := rollout.person_acts and not rollout.operated and rollout.human is not None:
                await_ready(rollout.human, rollout.clock, self._prompt, "Resetting.", self._show, self._undo)
            self._stepper.begin(seed, RESETS_MAX)
            if asks:
                self._show(RUNS)
        self._undo(self._stepper.take_late_labels())

    def _prompt(self) -> str:
        return f"Episode {self._summary.total + 1} of {self._config.episodes}: set the scene."

    def _show(self, text: str) -> None:
        show_here(text)
        self._stepper.rollout.monitor.show(text)

    def _act(self) -> tuple[list[Step], list[list[float]]]:
        """Return the steps of an episode from where the human first acted, and the object's state before each."""
        rollout, steps = self._stepper.rollout, list[Step]()
        objects = [_object_state(rollout)]
        while not (steps and steps[-1].last) and not self._should_stop():
            step = self._step(len(steps))
            if not steps:
                objects = objects[-1:]  # those before the human acted are left out, too
            objects.append(_object_state(rollout))
            if steps or step.decision.charge is ControlAuthority.HUMAN:
                steps.append(step)
            elif step.last:  # ended before the human acted
                break
        return steps, objects

    def _step(self, number: int) -> Step:
        step = self._stepper.step()
        self._undo((*self._stepper.take_late_labels(), *step.decision.labels))
        self._screen.step(self._summary, step, number)
        return step

    def _write(
        self, steps: list[Step], objects: list[list[float]], unsure: dict[str, int], seed: int
    ) -> tuple[str, ...]:
        """Write an episode, and beside it the steps held after its success; return the labels given meanwhile."""
        config, rollout, number = self._config, self._stepper.rollout, self._summary.total
        encoder, task = rollout.encoder, config.origin.task
        meta = config.origin.meta() | _meta(steps, seed, rollout) | unsure
        labels = [step.decision.labels for step in steps]
        meta |= stages_meta(labels, rollout.reward.reaction_steps(rollout.period_s))
        meta |= {"encoder": encoder.identity} if encoder else {}
        meta |= {OBJECT_STATES: objects[: len(steps) + 1]} if any(objects) else {}
        config.dataset.write(config.folder, Episode(_records(steps, number, task), meta))
        held = self._hold(config.hold_success) if steps[-1].success else []
        if held:
            meta = meta | {"demonstration": number, "steps": len(held), OBJECT_STATES: []}
            config.dataset.write(config.folder / HELD, Episode(_records(held, number, task), meta))
        return tuple(label for step in held for label in step.decision.labels)

    def _hold(self, count: int) -> list[Step]:
        """Return steps after success, up to a fault: the human may go on moving as long as it remains one."""
        steps: list[Step] = []
        while len(steps) < count and (step := self._stepper.step()).observed and not step.fault:
            steps.append(replace(step, terminated=False, truncated=len(steps) + 1 == count))
        return [*steps[:-1], replace(steps[-1], truncated=True)] if steps else []

    def _undo(self, labels: tuple[str, ...]) -> None:
        """Take the newest episode back for each `undo`."""
        for _ in range(labels.count("undo")):
            self._screen.removed(remove_newest(self._config.folder, self._config.format))
            taken = self._summary.total > 0
            self._summary.removed += taken
            if self._summary.recorded:
                self._summary.recorded -= 1
            else:
                self._summary.earlier -= taken


def remove_newest(folder: Path, form: str) -> int | None:
    """Take the newest episode of a folder away, with the steps held after it; return its number, None without one.

    Raises:
        ConfigError: the format has no `remove_last(folder)`.
    """
    dataset: Any = make_format(form)
    number = dataset.count(folder) - 1
    if not hasattr(dataset, "remove_last"):
        raise ConfigError(f"undo: got format {form!r}, expected one with `remove_last`; use 'episodes'.")
    held = [meta.get("demonstration") for meta in read_metas(dataset, folder / HELD)]
    dataset.remove_last(folder)
    if number >= 0 and number in held[-1:]:
        dataset.remove_last(folder / HELD)
    return None if number < 0 else number


def _object_state(rollout: Rollout) -> list[float]:
    """Return the object's state as the simulator knows it, which only a check of an encoder reads; else nothing."""
    read = getattr(rollout.env.unwrapped, "object_state", None)
    return [] if read is None else [round(float(x), 6) for x in read()]


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


def _meta(steps: list[Step], seed: int, rollout: Rollout) -> dict[str, Any]:
    reward, success = sum(step.reward for step in steps), steps[-1].success
    judges = list(rollout.reward.names)
    return {"seed": seed, "steps": len(steps), "reward": reward, "success": success, "judges": judges}


def _check_attempts(summary: RecordingSummary, episodes: int) -> None:
    if summary.discarded >= ATTEMPTS_PER_EPISODE * episodes:
        raise RobotRLError(
            f"demonstrations: got {summary.recorded} successes and {summary.discarded} failures, "
            "expected mostly successes; see an episode by `robot-rl simulate`, or keep failures by --keep-failures."
        )
