"""Statistics of one episode and their metrics line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from robot_rl.core.clock import NS_PER_S
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.acting.step_health import StepHealth
from robot_rl.runtime.acting.stepper import Stepper, StepTimes
from robot_rl.teleop.arbiter import ControlAuthority, InterventionStats

MS_PER_NS = 1e-6


@dataclass(slots=True)
class EpisodeLog:
    """Statistics of the present episode."""

    stepper: Stepper
    start_ns: int
    before: InterventionStats  # the human's, when the episode began
    steps: int = 0
    reward: float = 0.0
    last: Step | None = None
    timings: list[Mapping[str, float]] = field(default_factory=list)  # of each step, where the environment measures
    health: StepHealth = field(default_factory=StepHealth)

    @classmethod
    def begin(cls, stepper: Stepper, now_ns: int) -> Self:
        """Begin; the reset counts as the episode's time."""
        stepper.rollout.policy_metrics()  # of steps before it
        stepper.spent = StepTimes()
        return cls(stepper, now_ns, replace(stepper.arbiter.effort))

    def add(self, step: Step) -> None:
        """Add a step."""
        self.steps += 1
        self.reward += step.reward
        self.last = step
        self.health.add(step, self.stepper.rollout.robot_env.action_layout)
        if step.timing:
            self.timings.append(step.timing)

    def line(self, now_ns: int) -> dict[str, Any]:
        """Return the numbers of an episode with at least one step; `duration_s` is real time.

        An episode that a stop cut off counts as truncated.
        """
        time = self._time((now_ns - self.start_ns) / NS_PER_S)
        rollout = self.stepper.rollout
        measured = rollout.reward.metrics() | dict(rollout.robot_env.metrics()) | self.health.metrics()
        measured |= rollout.policy_metrics() | (rollout.stuck.metrics() if rollout.stuck else {})
        return self._ending() | self._effort() | time | self._spreads() | measured

    @property
    def human_steps(self) -> int:
        """Steps by the human so far."""
        return self.stepper.arbiter.effort.steps - self.before.steps

    def series(self) -> dict[str, list[float]]:
        """Return the measured times of each step by name, for histograms; empty without measurements.

        `period_ms` is the time between the ends of two steps of a paced rollout.
        """
        names = self.timings[0] if self.timings else ()
        columns = {name: [timing[name] for timing in self.timings] for name in names}
        if len(ended_ns := self.stepper.spent.ended_ns) > 1:
            columns["period_ms"] = list(MS_PER_NS * np.diff(ended_ns))
        return {name: [round(value, 2) for value in column if np.isfinite(value)] for name, column in columns.items()}

    def _spreads(self) -> dict[str, float]:
        """Return median and 99th percentile of the measured times."""
        percentiles = {name: np.percentile(values, (50, 99)) for name, values in self.series().items() if values}
        return {
            f"{name}_{percent}": float(value)
            for name, values in percentiles.items()
            for percent, value in zip(("p50", "p99"), values, strict=True)
        }

    def _ending(self) -> dict[str, Any]:
        step = self.last
        assert step is not None, "a line needs a step"
        return {
            "steps": self.steps,
            "reward": self.reward,
            "success": step.success,
            "failure": step.failure,
            "terminated": step.terminated,
            "truncated": not step.terminated,
            "fault": bool(step.fault),
            "fault_text": step.fault or None,
            "estop": step.decision.charge is ControlAuthority.ESTOP,
            "policy_version": step.policy_version,
            "greedy": self.stepper.deterministic,
        }

    def _effort(self) -> dict[str, Any]:
        now, before = self.stepper.arbiter.effort, self.before
        return {
            "human_steps": self.human_steps,
            "interventions": now.interventions - before.interventions,
            "labels": now.labels - before.labels,
        }

    def _time(self, duration_s: float) -> dict[str, Any]:
        spent, per_step = self.stepper.spent, MS_PER_NS / self.steps
        return {
            "duration_s": duration_s,
            "steps_per_s": self.steps / duration_s if duration_s > 0 else None,
            "encode_ms": spent.encode_ns * per_step,
            "act_ms": spent.act_ns * per_step,
            "env_ms": spent.env_ns * per_step,
        }
