"""Evaluation of the policy alone, by the same step code as in training."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError, StopRequestedError
from robot_rl.core.seeds import Purpose, episode_seeds, generator
from robot_rl.runtime.acting.episode_video import EpisodeVideo
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.acting.stepper import RESETS_MAX, Stepper
from robot_rl.runtime.runs.statistics import iqm, row_bound, wilson_interval


@dataclass(frozen=True)
class EpisodeResult:
    """Result of one evaluation episode; `seed` repeats it."""

    seed: int
    steps: int
    reward: float
    success: bool
    failure: bool  # ended by the task without success
    truncated: bool  # timed out or ended by a fault, without success
    fault: bool
    judged: bool = True  # False: it ended without a label, and labels alone judge
    undone: bool = False  # its label was taken back, and no other followed yet
    reference_steps: int | None = None  # steps whose action was the reference's; None: there is no reference

    @property
    def end(self) -> str:
        """The end in words."""
        return (
            "success" if self.success else "failure" if self.failure else "out of time" if self.judged else "no label"
        )


@dataclass(frozen=True)
class Spread:
    """Distribution of a count; empty samples have none."""

    median: float
    q25: float
    q75: float
    iqm: float
    mean: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class EvaluationResult:
    """Result of an evaluation."""

    episodes: tuple[EpisodeResult, ...]
    seed: int
    deterministic: bool
    policy_version: int
    period_s: float
    judges: tuple[str, ...] = ()
    """Reward sources that judged, highest priority first."""
    taken_back: int = 0
    """Episodes that the operator took back; each was run again."""
    until_failure: bool = False
    """Whether the first episode without success ended it: the success rate is then that of a chosen moment."""

    @property
    def in_a_row(self) -> int:
        """Successes before the first episode without success."""
        return next((i for i, episode in enumerate(self.episodes) if not episode.success), len(self.episodes))

    def complete(self, episodes: int) -> bool:
        """Return whether the evaluation ended by its rule, not by a stop."""
        return len(self.episodes) >= episodes or (self.until_failure and self.in_a_row < len(self.episodes))

    @property
    def successes(self) -> int:
        """Episodes that succeeded."""
        return sum(episode.success for episode in self.episodes)

    @property
    def reference_share(self) -> float | None:
        """Share of the steps whose action was the reference's; None without one."""
        chosen = [episode.reference_steps for episode in self.episodes if episode.reference_steps is not None]
        return sum(chosen) / max(sum(episode.steps for episode in self.episodes), 1) if chosen else None

    @property
    def unjudged(self) -> int:
        """Episodes without a verdict: they count as no success."""
        return sum(not episode.judged for episode in self.episodes)

    @property
    def success_rate(self) -> float:
        """Share of the episodes that succeeded; NaN where none was judged."""
        return self.successes / len(self.episodes) if self.unjudged < len(self.episodes) else float("nan")

    @property
    def mean_return(self) -> float:
        """Mean of the episodes' sums of rewards; NaN without episodes."""
        return sum(episode.reward for episode in self.episodes) / len(self.episodes) if self.episodes else float("nan")

    @property
    def dense(self) -> bool:
        """Whether rewards tell more than success and failure."""
        return any(episode.reward != float(episode.success) for episode in self.episodes)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        return wilson_interval(self.successes, len(self.episodes))

    @property
    def cycle_steps(self) -> Spread | None:
        """Distribution of the steps that successful episodes took; None without success."""
        steps = np.array([episode.steps for episode in self.episodes if episode.success], dtype=np.float64)
        if not steps.size:
            return None
        q25, median, q75 = (float(q) for q in np.quantile(steps, [0.25, 0.5, 0.75]))
        return Spread(median, q25, q75, iqm(steps), float(steps.mean()), float(steps.min()), float(steps.max()))

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON-ready values."""
        low, high = self.interval
        row = {"in_a_row": self.in_a_row, "success_rate_at_least_95": row_bound(self.in_a_row)}
        return {
            "episodes": len(self.episodes),
            "successes": self.successes,
            "success_rate": self.success_rate if self.unjudged < len(self.episodes) else None,
            "unjudged": self.unjudged,
            "interval_95": [low, high],
            "mean_return": self.mean_return if self.episodes else None,
            "failures": sum(episode.failure for episode in self.episodes),
            "truncated": sum(episode.truncated for episode in self.episodes),
            "faults": sum(episode.fault for episode in self.episodes),
            "cycle_steps": None if self.cycle_steps is None else asdict(self.cycle_steps),
            "cycle_median_s": None if self.cycle_steps is None else self.cycle_steps.median * self.period_s,
            "seed": self.seed,
            "deterministic": self.deterministic,
            "policy_version": self.policy_version,
            "period_s": self.period_s,
            "judges": list(self.judges),
            "taken_back": self.taken_back,
            **(row if self.until_failure else {}),
            **({} if self.reference_share is None else {"reference_share": self.reference_share}),
        }

    def __str__(self) -> str:
        if self.episodes and self.unjudged == len(self.episodes):
            return f"success unknown: {self.unjudged} episodes without a label; label each at its end"
        low, high = self.interval
        cycle = self.cycle_steps
        times = "" if cycle is None else f", cycle {cycle.median:.0f} steps ({cycle.q25:.0f}-{cycle.q75:.0f})"
        returns = f", mean return {self.mean_return:.1f}" if self.dense else ""
        unjudged = f", {self.unjudged} without a label" if self.unjudged else ""
        unjudged += f", {self.taken_back} taken back" if self.taken_back else ""
        shared = "" if self.reference_share is None else f", {self.reference_share:.0%} of the actions the reference's"
        judged = f"{shared}{unjudged}, judged by {' and '.join(self.judges)}" if self.judges else shared
        if self.until_failure:
            return f"{self._row()}{times}{judged}"
        return f"success {self.successes}/{len(self.episodes)} [{low:.1%}, {high:.1%}]{times}{returns}{judged}"

    def _row(self) -> str:
        """Return the successes in a row in words."""
        ended = self.in_a_row < len(self.episodes)
        last = self.episodes[self.in_a_row] if ended else None
        end = "no failure" if last is None else f"then {last.end} (episode seed {last.seed})"
        return f"{self.in_a_row} successes in a row, {end}: success of at least {row_bound(self.in_a_row):.1%} (95 %)"


def evaluate(
    rollout: Rollout,
    episodes: int,
    seed: int,
    *,
    purpose: Purpose = Purpose.EVALUATION,
    deterministic: bool = True,
    until_failure: bool = False,
    video: EpisodeVideo | None = None,
    on_episode: Callable[[tuple[EpisodeResult, ...]], None] = lambda results: None,
    should_stop: Callable[[], bool] = lambda: False,
    ends_wait: Callable[[str], AbstractContextManager[None]] = lambda awaited: nullcontext(),
) -> EvaluationResult:
    """Run whole episodes of the rollout's policy, or of its human as a baseline.

    An operator's label after an episode corrects it, also after the last one; `undo` takes it back, to be run again.

    Args:
        until_failure: end after the first episode without success, after `episodes` at most.
        purpose: of the episodes' seeds: those of a curve never are those of the final evaluation.
        on_episode: called after each episode that counts, with all so far, its own last.
        should_stop: read between episodes.
        ends_wait: entered, with what is waited for in words, around each wait for a person.

    Raises:
        ConfigError: fewer than one episode, or neither policy nor human.
    """
    if episodes < 1:
        raise ConfigError(f"episodes: got {episodes}, expected 1 or more; 100 gives an interval of about ±5 %.")
    if rollout.policy is None and rollout.human is None:
        raise ConfigError("evaluation: got neither policy nor human, expected one of them.")
    stepper = Stepper(rollout, generator(purpose, seed, 1), deterministic=deterministic)
    session = _Session(stepper, episode_seeds(purpose, seed), ends_wait, until_failure)
    with suppress(StopRequestedError):
        while not should_stop() and session.misses(episodes):
            if session.run_episode(None if video is None or len(session.results) >= video.episodes else video):
                on_episode(tuple(session.results))
    session.take_back()
    results, version, judges = tuple(session.results), stepper.policy_version, rollout.reward.names
    counts = (session.taken_back, until_failure)
    return EvaluationResult(results, seed, deterministic, version, rollout.period_s, judges, *counts)


class _Session:
    """Episodes of an evaluation, which a person's labels of after their ends correct."""

    def __init__(
        self,
        stepper: Stepper,
        seeds: Iterator[int],
        ends_wait: Callable[[str], AbstractContextManager[None]],
        until_failure: bool = False,
    ) -> None:
        self._until_failure = until_failure
        self.results: list[EpisodeResult] = []
        self.taken_back = 0
        self._stepper, self._seeds, self._ends_wait = stepper, seeds, ends_wait
        self._again: list[int] = []  # seeds of episodes that were taken back
        stepper.heard = self._hear

    def misses(self, episodes: int) -> bool:
        """Return whether episodes are missing; an operator is asked before the last one counts."""
        prompt = self._stepper.rollout.prompt
        if not self._goes_on(episodes) and prompt is not None:
            with self._ends_wait("the operator"):
                end = self.results[-1].end
                prompt(f"The last episode: {end}. Backspace makes it a failure, u runs it again.", "Noted.")
            self.take_back()
        return self._goes_on(episodes)

    def _goes_on(self, episodes: int) -> bool:
        """Return whether the rule wants another episode."""
        failed = self._until_failure and not all(result.success for result in self.results)
        return len(self.results) < episodes and not failed

    def run_episode(self, video: EpisodeVideo | None) -> bool:
        """Run one episode; return whether it counts, as one that the person paused does not."""
        stepper, seed = self._stepper, self._again.pop() if self._again else next(self._seeds)
        with self._ends_wait("the scene"):
            stepper.begin(seed, RESETS_MAX)
        self._hear()
        self.take_back()
        steps, reward, number = 0, 0.0, len(self.results)
        stepper.rollout.policy_metrics()
        step: Step | None = None
        while step is None or not step.last:
            if video is not None:
                video.show(stepper, number, steps)
            step = stepper.step()
            self._hear(tuple(label for label in step.decision.labels if label == "undo"))
            self.take_back()
            steps, reward = steps + 1, reward + step.reward
        if step.decision.paused:
            self._again.append(seed)
            return False
        truncated = not (step.terminated or step.success)
        judged = not truncated or stepper.rollout.reward.names != ("human-label",)
        fault = bool(step.fault)
        referred = stepper.rollout.policy_metrics().get("reference_steps")
        result = EpisodeResult(seed, steps, reward, step.success, step.failure, truncated, fault, judged)
        self.results.append(replace(result, reference_steps=None if referred is None else int(referred)))
        if video is not None:
            video.show(stepper, number, steps, self.results[-1].end, step.success)
        stepper.read_last_labels()
        self._hear()
        return True

    def _hear(self, labels: tuple[str, ...] = ()) -> None:
        """Correct the newest episode; until it is taken back, a label after an `undo` counts."""
        for label in (*self._stepper.take_late_labels(), *labels):
            if self.results and label in ("success", "failure", "undo"):
                success, failure = label == "success", label == "failure"
                self.results[-1] = replace(
                    self.results[-1],
                    success=success,
                    failure=failure,
                    truncated=label == "undo",
                    judged=label != "undo",
                    undone=label == "undo",
                    reward=float(success),
                )

    def take_back(self) -> None:
        """Take an undone episode out of the results, to be run again."""
        if self.results and self.results[-1].undone:
            self._again.append(self.results.pop().seed)
            self.taken_back += 1
