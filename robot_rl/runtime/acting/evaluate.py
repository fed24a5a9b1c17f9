"""Evaluation of the policy alone, by the same step code as in training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.seeds import Purpose, episode_seeds, generator
from robot_rl.envs.protocol import robot_environment
from robot_rl.runtime.acting.observation import camera_images
from robot_rl.runtime.acting.rollout import Environment, Rollout
from robot_rl.runtime.acting.stepper import RESETS_MAX, Step, Stepper
from robot_rl.runtime.runs.statistics import iqm, wilson_interval
from robot_rl.runtime.runs.video import VideoWriter

FrameSink = Callable[[np.ndarray], None]


@dataclass(frozen=True)
class EpisodeVideo:
    """Destination of the frames of the first episodes."""

    sink: FrameSink
    """Takes one frame (H, W, 3) uint8."""
    episodes: int = 10


@contextmanager
def episode_video(path: Path | None, env: Environment, episodes: int) -> Iterator[EpisodeVideo | None]:
    """Write the video of an evaluation's first episodes to a file; None, and nothing written, without file or episodes.

    Args:
        env: sets the frames a second.
    """
    if path is None or episodes == 0:
        yield None
        return
    with VideoWriter(path, 1.0 / robot_environment(env).period_s, scale=1) as writer:
        yield EpisodeVideo(writer.add, episodes)


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

    @property
    def successes(self) -> int:
        """Episodes that succeeded."""
        return sum(episode.success for episode in self.episodes)

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
        }

    def __str__(self) -> str:
        if self.episodes and self.unjudged == len(self.episodes):
            return f"success unknown: {self.unjudged} episodes without a label; label each at its end"
        low, high = self.interval
        cycle = self.cycle_steps
        times = "" if cycle is None else f", cycle {cycle.median:.0f} steps ({cycle.q25:.0f}-{cycle.q75:.0f})"
        returns = f", mean return {self.mean_return:.1f}" if self.dense else ""
        unjudged = f", {self.unjudged} without a label" if self.unjudged else ""
        judged = f"{unjudged}, judged by {' and '.join(self.judges)}" if self.judges else ""
        return f"success {self.successes}/{len(self.episodes)} [{low:.1%}, {high:.1%}]{times}{returns}{judged}"


def evaluate(
    rollout: Rollout,
    episodes: int,
    seed: int,
    *,
    deterministic: bool = True,
    video: EpisodeVideo | None = None,
    on_episode: Callable[[EpisodeResult], None] = lambda episode: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> EvaluationResult:
    """Run whole episodes of the rollout's policy, or of its human as a baseline.

    Args:
        on_episode: called after each episode.
        should_stop: read between episodes.

    Raises:
        ConfigError: fewer than one episode, or neither policy nor human.
    """
    if episodes < 1:
        raise ConfigError(f"episodes: got {episodes}, expected 1 or more; 100 gives an interval of about ±5 %.")
    if rollout.policy is None and rollout.human is None:
        raise ConfigError("evaluation: got neither policy nor human, expected one of them.")
    seeds = episode_seeds(Purpose.EVALUATION, seed)
    stepper = Stepper(rollout, generator(Purpose.EVALUATION, seed, 1), deterministic=deterministic)
    results: list[EpisodeResult] = []
    while len(results) < episodes and not should_stop():
        sink = None if video is None or len(results) >= video.episodes else video.sink
        results.append(_run_episode(stepper, next(seeds), sink, results))
        on_episode(results[-1])
    judges = rollout.reward.names
    return EvaluationResult(tuple(results), seed, deterministic, stepper.policy_version, rollout.period_s, judges)


def _run_episode(stepper: Stepper, seed: int, sink: FrameSink | None, results: list[EpisodeResult]) -> EpisodeResult:
    """Return the result of one episode; labels that concern the one before correct the last of `results`."""
    stepper.begin(seed, RESETS_MAX)
    _send_frame(stepper, sink)
    steps, reward = 0, 0.0
    step: Step | None = None
    while step is None or not step.last:
        step = stepper.step()
        late = (*stepper.take_late_labels(), *(label for label in step.decision.labels if label == "undo"))
        results[-1:] = [_corrected(result, late) for result in results[-1:]]
        steps, reward = steps + 1, reward + step.reward
        _send_frame(stepper, sink)
    truncated = not (step.terminated or step.success)
    judged = not truncated or stepper.rollout.reward.names != ("human-label",)
    result = EpisodeResult(seed, steps, reward, step.success, step.failure, truncated, bool(step.fault), judged)
    stepper.read_last_labels()
    return _corrected(result, stepper.take_late_labels())


def _corrected(result: EpisodeResult, labels: tuple[str, ...]) -> EpisodeResult:
    """Return a result with a person's labels of after its episode."""
    for label in labels:
        if label in ("success", "failure", "undo"):
            success, failure = label == "success", label == "failure"
            judged, truncated = label != "undo", label == "undo"
            result = replace(
                result, success=success, failure=failure, truncated=truncated, judged=judged, reward=float(success)
            )
    return result


def _send_frame(stepper: Stepper, sink: FrameSink | None) -> None:
    """Send the environment's rendering, else its cameras' images side by side."""
    env = stepper.rollout.env
    if sink is None:
        return
    if env.render_mode == "rgb_array":
        sink(np.asarray(env.render()))
    elif images := camera_images(stepper.raw):
        sink(np.concatenate(list(images.values()), axis=1))
