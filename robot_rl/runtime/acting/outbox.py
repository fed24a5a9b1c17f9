"""What leaves an actor: steps and labels as numbered records, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from robot_rl.core.clock import Clock
from robot_rl.core.labels import LABEL_RULES
from robot_rl.core.records import LabelRecord, Record, StepRecord
from robot_rl.runtime.acting.stepper import Step


class Link(Protocol):
    """The actor's door to the learner. Nothing here may wait."""

    @property
    def backlog(self) -> int:
        """Records that the learner has not acknowledged yet."""
        ...

    def put(self, record: Record) -> object:
        """Hand over a record; it is sent in the background. A link may number records anew, in the same order."""
        ...

    def latest_weights(self) -> tuple[int, dict[str, np.ndarray], float] | None:
        """Return version, parameters and age [s] of the newest weights received, None before the first."""
        ...


class StepId(NamedTuple):
    """Where a step stands: its episode, and its number within it."""

    episode: int
    step: int


class Outbox:
    """Numbers the records of one actor and hands them to its link.

    The newest step is held back until the next decision, because only then its reward is settled (an intervention may
    blame it); the transition is not complete before the next frame anyway.

    Args:
        link: where records go; None drops them, numbered all the same.
        window_steps: how far back a label reaches.
        finalise: (reward, whether the human took over right after the step) -> final reward.
    """

    def __init__(
        self,
        actor: str,
        run: str,
        link: Link | None,
        clock: Clock,
        *,
        window_steps: int = 1,
        finalise: Callable[[float, bool], float] = lambda reward, took_over_next: reward,
    ) -> None:
        self._sequence = 0  # of the next record
        self._actor, self._run, self._link, self._clock = actor, run, link, clock
        self._window_steps, self._settle = window_steps, finalise
        self._held: tuple[Step, StepId, tuple[str, ...]] | None = None

    def keep(self, step: Step, place: StepId, labels: tuple[str, ...] = ()) -> None:
        """Take a step and the labels given during it; they leave with the next `release`."""
        self._held = (step, place, labels)

    def cut(self) -> None:
        """Close the episode with the step that is held, as truncated: a stop was asked for in the middle."""
        if self._held is not None:
            step, place, labels = self._held
            self._held = (replace(step, truncated=True), place, labels)

    def release(self, took_over_next: bool = False) -> None:
        """Send the step that is held, if any: it is known now whether the human took over right after it."""
        if self._held is None:
            return
        (step, place, labels), self._held = self._held, None
        self._put(self._record(step, place, self._settle(step.reward, took_over_next)))
        for label in labels:
            self.label(label, place)

    def label(self, label: str, place: StepId) -> None:
        """Send a human's label about the step at `place`, or about the window that ends there."""
        value = LABEL_RULES[label].reward or 0.0
        window, now_ns = self._window_steps, self._clock.now_ns()
        episode, step = place
        self._put(LabelRecord(self._actor, self._run, self._sequence, episode, step, label, value, window, now_ns))

    def _put(self, record: Record) -> None:
        self._sequence += 1
        if self._link is not None:
            self._link.put(record)

    def _record(self, step: Step, place: StepId, reward: float) -> StepRecord:
        decision = step.decision
        return StepRecord(
            actor=self._actor,
            run=self._run,
            sequence=self._sequence,
            episode=place.episode,
            step=place.step,
            obs=step.obs,
            action=decision.action,
            policy_action=decision.policy_action,
            human_action=decision.human_action,
            source=decision.source,
            reward=reward,
            terminated=step.terminated,
            truncated=step.truncated,
            success=step.success,
            next_obs=step.next_obs if step.last else None,
            policy_version=step.policy_version,
            stamp_ns=step.stamp_ns,
            observed=step.observed,
        )
