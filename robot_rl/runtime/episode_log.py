"""The books of one episode on the actor's side, and its line of metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from robot_rl.core.clock import NS_PER_S
from robot_rl.runtime.stepper import Spent, Step, Stepper
from robot_rl.teleop.arbiter import Charge, Effort

MS_PER_NS = 1e-6


@dataclass(slots=True)
class EpisodeLog:
    """One episode so far."""

    stepper: Stepper
    start_ns: int
    before: Effort  # the human's, when the episode began
    steps: int = 0
    reward: float = 0.0
    last: Step | None = None

    @classmethod
    def begin(cls, stepper: Stepper, now_ns: int) -> EpisodeLog:
        """Open the books; the reset counts as the episode's time."""
        stepper.spent = Spent()
        return cls(stepper, now_ns, replace(stepper.arbiter.effort))

    def add(self, step: Step) -> None:
        """Enter a step."""
        self.steps += 1
        self.reward += step.reward
        self.last = step

    def line(self, now_ns: int) -> dict[str, Any]:
        """Return the numbers of an episode with at least one step; `duration_s` is real time.

        An episode that a stop cut off counts as truncated.
        """
        return self._ending() | self._effort() | self._time((now_ns - self.start_ns) / NS_PER_S)

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
            "estop": step.decision.charge is Charge.ESTOP,
            "policy_version": step.policy_version,
            "greedy": self.stepper.deterministic,
        }

    def _effort(self) -> dict[str, Any]:
        now, before = self.stepper.arbiter.effort, self.before
        return {
            "human_steps": now.steps - before.steps,
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
