"""Evaluation: the policy alone, through the very step code that it was trained with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np

from robot_rl.core.clock import Clock, RateKeeper
from robot_rl.core.errors import ConfigError
from robot_rl.core.tasks import PERIOD_S
from robot_rl.runtime.acting.observation import Encoder, pictures
from robot_rl.runtime.acting.stepper import NO_VERSION, Policy, Step, Stepper, episode_seeds, next_seed
from robot_rl.runtime.runs.statistics import iqm, wilson_interval
from robot_rl.teleop.device import Device

FrameSink = Callable[[np.ndarray], None]


@dataclass(frozen=True)
class EpisodeResult:
    """How one evaluation episode went; `seed` repeats it."""

    seed: int
    steps: int
    reward: float
    success: bool
    failure: bool  # ended by the task without success
    truncated: bool  # ran out of time, or broke
    fault: bool


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
    """What an evaluation found."""

    episodes: tuple[EpisodeResult, ...]
    seed: int
    deterministic: bool
    policy_version: int
    period_s: float

    @property
    def successes(self) -> int:
        """Episodes that succeeded."""
        return sum(episode.success for episode in self.episodes)

    @property
    def success_rate(self) -> float:
        """Share of the episodes that succeeded; NaN without episodes."""
        return self.successes / len(self.episodes) if self.episodes else float("nan")

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
            "success_rate": self.success_rate if self.episodes else None,
            "interval_95": [low, high],
            "failures": sum(episode.failure for episode in self.episodes),
            "truncated": sum(episode.truncated for episode in self.episodes),
            "faults": sum(episode.fault for episode in self.episodes),
            "cycle_steps": None if self.cycle_steps is None else asdict(self.cycle_steps),
            "cycle_median_s": None if self.cycle_steps is None else self.cycle_steps.median * self.period_s,
            "seed": self.seed,
            "deterministic": self.deterministic,
            "policy_version": self.policy_version,
            "period_s": self.period_s,
        }

    def __str__(self) -> str:
        low, high = self.interval
        cycle = self.cycle_steps
        times = "" if cycle is None else f", cycle {cycle.median:.0f} steps ({cycle.q25:.0f}-{cycle.q75:.0f})"
        return f"success {self.successes}/{len(self.episodes)} [{low:.1%}, {high:.1%}]{times}"


def evaluate(
    env: gymnasium.Env[Any, Any],
    policy: Policy | None,
    encoder: Encoder | None,
    episodes: int,
    seed: int,
    deterministic: bool = True,
    video: FrameSink | None = None,
    *,
    video_episodes: int = 10,
    human: Device | None = None,
    period_s: float = PERIOD_S,
    on_episode: Callable[[EpisodeResult], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Clock | None = None,
    pace: RateKeeper | None = None,
) -> EvaluationResult:
    """Run whole episodes without exploration and without help, and count.

    Args:
        video: takes the frames (H, W, 3) uint8 of the first `video_episodes` episodes.
        human: acts instead of the policy, to measure an expert or a person; it is the baseline, not a helper.
        on_episode: called after each episode, for progress.
        should_stop: looked at between episodes.
        pace: of a person; None: as fast as the environment goes.

    Raises:
        ConfigError: less than one episode, or neither a policy nor a human.
    """
    if episodes < 1:
        raise ConfigError(f"episodes: got {episodes}, expected 1 or more; 100 gives an interval of about ±5 %.")
    if (policy is None) == (human is None):
        raise ConfigError("evaluation: got both or neither of policy and human, expected exactly one of them.")
    seeds, steps_rng = episode_seeds(seed)
    stepper = Stepper(
        env, policy, steps_rng, encoder=encoder, human=human, deterministic=deterministic, clock=clock, pace=pace
    )
    results: list[EpisodeResult] = []
    while len(results) < episodes and not should_stop():
        results.append(_run_episode(stepper, next_seed(seeds), video if len(results) < video_episodes else None))
        if on_episode is not None:
            on_episode(results[-1])
    version = NO_VERSION if policy is None else policy.version
    return EvaluationResult(tuple(results), seed, deterministic, version, period_s)


def _run_episode(stepper: Stepper, seed: int, video: FrameSink | None) -> EpisodeResult:
    stepper.begin(seed)
    _film(stepper, video)
    steps, reward = 0, 0.0
    step: Step | None = None
    while step is None or not step.last:
        step = stepper.step()
        steps, reward = steps + 1, reward + step.reward
        _film(stepper, video)
    return EpisodeResult(seed, steps, reward, step.success, step.failure, not step.terminated, bool(step.fault))


def _film(stepper: Stepper, video: FrameSink | None) -> None:
    """Pass on a frame: what the environment renders, else its cameras side by side."""
    if video is None:
        return
    if stepper.env.render_mode == "rgb_array":
        video(np.asarray(stepper.env.render()))
    elif images := pictures(stepper.raw):
        video(np.concatenate(list(images.values()), axis=1))
