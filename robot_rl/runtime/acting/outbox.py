"""Queue of records from actor to learner; holds the last step until its reward is final."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from robot_rl.core.clock import Clock
from robot_rl.core.labels import LABEL_RULES
from robot_rl.core.records import UNNUMBERED, LabelRecord, Record, StepRecord
from robot_rl.runtime.acting.step import Step


class Link(Protocol):
    """Connection of an actor to the learner; no method blocks."""

    @property
    def backlog(self) -> int:
        """Records that the learner has not acknowledged yet."""

    def put(self, record: Record) -> object:
        """Number a record and send it in the background, in the order of the calls."""

    def status(self) -> Mapping[str, float]:
        """Return the backlog and what was lost, for metrics."""

    def latest_weights(self) -> tuple[int, dict[str, np.ndarray], float] | None:
        """Return version, parameters and age [s] of the newest weights received, None before the first."""


class StepId(NamedTuple):
    """Episode of a step, and its number within the episode."""

    episode: int
    step: int


def to_record(step: Step, step_id: StepId, actor: str, run: str) -> StepRecord:
    """Return a step as a record; the storing or sending side numbers it."""
    decision = step.decision
    return StepRecord(
        actor=actor,
        run=run,
        sequence=UNNUMBERED,
        episode=step_id.episode,
        step=step_id.step,
        obs=step.obs,
        action=decision.action,
        policy_action=decision.policy_action,
        human_action=decision.human_action,
        source=decision.source,
        reward=step.reward,
        terminated=step.terminated,
        truncated=step.truncated,
        success=step.success,
        next_obs=step.next_obs if step.last else None,
        policy_version=step.policy_version,
        stamp_ns=step.stamp_ns,
        frames=step.frames,
        next_frames=step.next_frames if step.last else {},
        observed=step.observed,
    )


class Outbox:
    """Queue of one actor's records; holds the last step until its reward is final.

    The reward is final with the next decision, because an intervention may penalise the step before it; the transition
    is not complete before the next frame anyway.

    Args:
        link: receives the records; None drops them.
        window_steps: how far back a retroactive label reaches.
        reaction_steps: how many steps after its event another label comes.
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
        reaction_steps: int = 0,
        finalise: Callable[[float, bool], float] = lambda reward, intervention_next: reward,
    ) -> None:
        self._actor, self._run, self._link, self._clock = actor, run, link, clock
        self._window_steps, self._reaction_steps, self._finalise = window_steps, reaction_steps, finalise
        self._held: Step | None = None
        self._newest: StepId | None = None  # of the last step kept

    def keep(self, step: Step, step_id: StepId) -> None:
        """Take a step with its labels; the next `release` sends it."""
        self._held, self._newest = step, step_id

    def cut(self) -> None:
        """Close the episode with the held step, as truncated by a stop request."""
        if self._held is not None:
            self._held = replace(self._held, truncated=True)

    def release(self, intervention_next: bool = False) -> None:
        """Send the held step, if any, now that it is known whether the human took over right after it."""
        if self._held is None or self._newest is None:
            return
        step, self._held = self._held, None
        final = replace(step, reward=self._finalise(step.reward, intervention_next))
        self._put(to_record(final, self._newest, self._actor, self._run))
        self.label(*step.decision.labels)

    def label(self, *labels: str, at_rest: bool = False) -> None:
        """Send a human's labels about the step a reaction time ago, or about the window up to the last step.

        Args:
            at_rest: whether they came long after the episode's end, hence are about its last step.
        """
        if self._newest is None:
            return
        episode, step = self._newest
        for label in labels:
            rule, now_ns = LABEL_RULES[label], self._clock.now_ns()
            about = step if rule.retroactive or at_rest else max(0, step - self._reaction_steps)
            record = LabelRecord(
                self._actor,
                self._run,
                UNNUMBERED,
                episode,
                about,
                label,
                rule.reward or 0.0,
                self._window_steps,
                now_ns,
            )
            self._put(record)

    def _put(self, record: Record) -> None:
        if self._link is not None:
            self._link.put(record)
