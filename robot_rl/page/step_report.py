"""Reports of steps for the page: what a person follows, in plain values."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import DeviceLostError
from robot_rl.runtime.acting.arm_reading import ArmReading
from robot_rl.runtime.acting.monitor import StepView
from robot_rl.runtime.acting.takeovers import PERSON

MEASURED = ("act_to_obs_ms", "state_age_ms", "image_age_ms", "skew_ms")
"""Times of a step on the graph that the page shows."""


class StepReporter:
    """Numbers the steps of a rollout, and measures their period.

    Args:
        time_limit_s: of an episode; None: none.
        read_arm: returns the arm's state; None without an arm.
        who: takes over from the policy, in words.
    """

    def __init__(
        self,
        clock: Clock,
        period_s: float,
        time_limit_s: float | None = None,
        read_arm: Callable[[], ArmReading | None] = lambda: None,
        who: str = PERSON,
    ) -> None:
        self._clock, self._period_s, self._limit_s, self._read_arm = clock, period_s, time_limit_s, read_arm
        self._who = who
        self._episode = self._step = self._human_steps = 0
        self._before_ns: int | None = None

    def begin(self) -> None:
        """Begin an episode."""
        self._episode += 1
        self._step = self._human_steps = 0
        self._before_ns = None

    def step(self, view: StepView) -> dict[str, Any]:
        """Return the report of a step."""
        now_ns, before_ns = self._clock.now_ns(), self._before_ns
        self._before_ns = now_ns
        self._step += 1
        self._human_steps += view.charge.name == "HUMAN"
        arm = None
        with suppress(DeviceLostError):
            arm = self._read_arm()
        return {
            "charge": view.charge.name.lower(),
            "who": self._who,
            "episode": self._episode,
            "step": self._step,
            "human_steps": self._human_steps,
            "time_s": self._step * self._period_s,
            "limit_s": self._limit_s,
            "period_ms": None if before_ns is None else 1e3 * (now_ns - before_ns) / NS_PER_S,
            "planned_ms": 1e3 * self._period_s,
            "labels": list(view.labels),
            "last": view.last,
            "success": view.success,
            "failure": view.failure,
            "reward": view.reward,
            "fault": view.fault,
            "missed": view.missed,
            "version": view.policy_version,
            "explores": not view.deterministic,
            "timing": {name: view.timing[name] for name in MEASURED if name in view.timing},
            "force_n": None if arm is None else arm.force_n,
            "height_m": None if arm is None else arm.height_m,
            "opening_m": None if arm is None else arm.opening_m,
        }
