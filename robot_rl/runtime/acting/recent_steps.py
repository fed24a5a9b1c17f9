"""The last seconds of a rollout in memory, written as episodes when a person asks for them; the rollout goes on."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robot_rl.core.errors import RobotRLError
from robot_rl.core.records import Observation
from robot_rl.data.episodes import write_episode
from robot_rl.data.formats import Episode
from robot_rl.data.stages import stages_meta
from robot_rl.runtime.acting.outbox import StepId, to_record
from robot_rl.runtime.acting.recordings import Origin
from robot_rl.runtime.acting.step import Step
from robot_rl.teleop.device import Device, DeviceState, watch

ACTOR = "recent"
BYTES_MAX = 1 << 29
"""Largest size of the observations in memory [bytes]: older steps leave before their time."""
NOTHING = "nothing to save yet: no step since the start, or since the last save"
BUSY = "the save before is still being written; press again when it is done"


class SeenStep(NamedTuple):
    """A step with its observations as the environment returned them."""

    episode: int
    step: Step
    raw: Observation
    """Before the action, images included."""
    next_raw: Observation

    @property
    def size(self) -> int:
        """Bytes of its own observation."""
        return sum(array.nbytes for array in self.raw.values())


class RecentSteps:
    """Keeps the steps of the last seconds, and writes them in a thread of its own.

    Steps of several episodes become several episodes. One that goes on is written up to now, as truncated; one whose
    beginning has left the memory begins later.

    Args:
        folder: receives the episodes, beside those that it holds.
        origin: task and cameras.
        steps: number of steps that are kept.
        show: receives what came of a request, from the thread that writes.
        judges: names of the reward sources.
        reaction_steps: steps from an event to its label.
    """

    def __init__(
        self,
        folder: Path,
        origin: Origin,
        steps: int,
        show: Callable[[str], None],
        judges: Sequence[str] = (),
        reaction_steps: int = 0,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._folder, self._origin, self._judges, self._show = folder, origin, list(judges), show
        self._bytes_max, self._bytes, self._episode = bytes_max, 0, 0
        self._reaction_steps = reaction_steps
        self._seen: deque[SeenStep] = deque()
        self._steps, self._new = steps, 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="recent steps")
        self._pending: Future[None] | None = None

    def __len__(self) -> int:
        return len(self._seen)

    def begin(self) -> None:
        """Begin an episode."""
        self._episode += 1

    def add(self, step: Step, raw: Observation, next_raw: Observation) -> None:
        """Keep a step; its arrays must not change afterwards."""
        seen = SeenStep(self._episode, step, raw, next_raw)
        self._seen.append(seen)
        self._bytes, self._new = self._bytes + seen.size, self._new + 1
        self._episode += step.last
        while len(self._seen) > self._steps or (self._bytes > self._bytes_max and len(self._seen) > 1):
            self._bytes -= self._seen.popleft().size

    def save(self) -> None:
        """Write what is kept, without waiting for it."""
        if self._pending is not None and not self._pending.done():
            self._show(BUSY)
        elif not self._new:
            self._show(NOTHING)
        else:
            self._new = 0
            self._pending = self._writer.submit(self._write, list(self._seen))

    def close(self) -> None:
        """Wait for what is being written."""
        self._writer.shutdown()

    def _write(self, seen: Sequence[SeenStep]) -> None:
        count = 0
        try:
            for episode in to_episodes(seen, self._origin, self._reaction_steps):
                write_episode(self._folder, episode.steps, {**episode.meta, "judges": self._judges})
                count += 1
        except (OSError, RobotRLError) as error:
            self._show(f"not saved, after {count} episodes: {error}")
            return
        parts = f"{count} episode{'s' * (count > 1)}"
        self._show(f"saved the last {len(seen)} steps: {parts} in {self._folder}; see `robot-rl episodes`")


def to_episodes(seen: Sequence[SeenStep], origin: Origin, reaction_steps: int = 0) -> Iterator[Episode]:
    """Yield the episodes of some steps in a row."""
    for _, group in groupby(seen, lambda one: one.episode):
        *before, last = group
        steps = [one.step for one in (*before, last)]
        ending = last.step if last.step.last else replace(last.step, truncated=True)
        closed = [*before, last._replace(step=ending)]
        records = [
            to_record(
                replace(one.step, obs=one.raw, next_obs=one.next_raw, frames={}, next_frames={}),
                StepId(0, number),
                ACTOR,
                origin.task or ACTOR,
            )
            for number, one in enumerate(closed)
        ]
        reward = float(np.sum([step.reward for step in steps]))
        meta = {"steps": len(steps), "reward": reward, "success": ending.success}
        meta |= stages_meta([step.decision.labels for step in steps], reaction_steps)
        cameras = {name: view for name, view in origin.cameras.items() if name in last.raw}
        yield Episode(records, origin.meta() | {"cameras": cameras} | meta)


class SavingDevice(Device):
    """A person's device whose request to save the last seconds is passed on, wherever it is read.

    Args:
        device: the person's.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.devices = (device,)
        self.recent: RecentSteps | None = None

    def reset(self) -> None:
        """Begin an episode."""
        self._device.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the device's state."""
        return self._passed_on(self._device.read(proposed))

    def watch(self) -> DeviceState:
        """Return the device's state between two steps."""
        return self._passed_on(watch(self._device))

    def close(self) -> None:
        """Release the device, then wait for what is being written."""
        self._device.close()
        if self.recent is not None:
            self.recent.close()

    def _passed_on(self, state: DeviceState) -> DeviceState:
        if state.save and self.recent is not None:
            self.recent.save()
        return state
