"""The gains in force. They follow the ones that were asked for, so that a change of gains is no jump of torque.

They are a record of the loop's memory: one pointer to hand on, where `Gains` would be passed as a hundred numbers.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from controllers.compilation import inner
from controllers.geometry import FloatArray
from controllers.law.gains import Gains
from controllers.law.options import LawOptions


class ActiveGains(Protocol):
    """A numpy record of dtype `live_dtype(N)`. Fields that Gains has, too, mean the same; see there."""

    stiffness: FloatArray
    damping_ratio: FloatArray
    constant_damping: FloatArray
    clip_lower: FloatArray
    clip_upper: FloatArray
    wrench_max: FloatArray
    force_limit: FloatArray
    wrench: FloatArray  # (6,) the feed-forward wrench, no faster than wrench_rate_max
    integral: FloatArray  # (6,) the integral's wrench
    task_R: FloatArray
    posture: FloatArray
    workspace_lower: FloatArray
    workspace_upper: FloatArray
    speed_max: FloatArray
    posture_stiffness: float
    posture_damping: float
    posture_torque_max: float
    filter_time_s: float
    ramp_s: float
    hold_after_s: float
    damp_after_s: float
    damping_refresh_ticks: float


def live_dtype(joints: int) -> list[Any]:
    """The record's fields, in the order of `ActiveGains`."""
    six = ("stiffness", "damping_ratio", "constant_damping", "clip_lower", "clip_upper", "wrench_max", "force_limit")
    one = (
        "posture_stiffness", "posture_damping", "posture_torque_max", "filter_time_s", "ramp_s", "hold_after_s",
        "damp_after_s", "damping_refresh_ticks",
    )  # fmt: skip
    return [
        *((name, "f8", (6,)) for name in (*six, "wrench", "integral")),
        ("task_R", "f8", (3, 3)),
        ("posture", "f8", (joints,)),
        *((name, "f8", (3,)) for name in ("workspace_lower", "workspace_upper")),
        ("speed_max", "f8", (2,)),
        *((name, "f8") for name in one),
    ]


@inner
def take_gains(gains: Gains, gain_time_s: float, dt_s: float, live: ActiveGains) -> None:
    """Move stiffness, damping ratio, clips and wrench bound by 1 - exp(-dt / T) of their way; the rest at once."""
    fraction = 1.0 - math.exp(-dt_s / gain_time_s) if gain_time_s > 0.0 else 1.0
    _approach(gains.stiffness, fraction, live.stiffness)
    _approach(gains.damping_ratio, fraction, live.damping_ratio)
    _approach(gains.clip_lower, fraction, live.clip_lower)
    _approach(gains.clip_upper, fraction, live.clip_upper)
    _approach(gains.wrench_max, fraction, live.wrench_max)
    _copy(gains.constant_damping, live.constant_damping)
    _copy(gains.force_limit, live.force_limit)
    _copy(gains.posture, live.posture)
    _copy(gains.workspace_lower, live.workspace_lower)
    _copy(gains.workspace_upper, live.workspace_upper)
    _copy(gains.speed_max, live.speed_max)
    for i in range(3):
        _copy(gains.task_R[i], live.task_R[i])
    live.posture_stiffness, live.posture_damping = gains.posture_stiffness, gains.posture_damping
    live.posture_torque_max, live.filter_time_s = gains.posture_torque_max, gains.filter_time_s
    live.ramp_s, live.damping_refresh_ticks = gains.ramp_s, gains.damping_refresh_ticks
    live.hold_after_s, live.damp_after_s = gains.hold_after_s, gains.damp_after_s


@inner
def _copy(source: FloatArray, out: FloatArray) -> None:
    for i in range(source.shape[0]):
        out[i] = source[i]


@inner
def _approach(goal: FloatArray, fraction: float, value: FloatArray) -> None:
    if fraction >= 1.0:
        _copy(goal, value)
        return
    for i in range(6):
        value[i] += fraction * (goal[i] - value[i])


@inner
def slew_wrench(wrench_goal: FloatArray, extras: LawOptions, dt_s: float, live: ActiveGains) -> None:
    """Move the feed-forward wrench in force towards the goal, and put it into the goal's place.

    Within its bound only: beyond it nothing is felt, and the way back would take time.
    """
    for i in range(6):
        step, bound = extras.wrench_rate_max[i] * dt_s, live.wrench_max[i]
        goal = min(max(wrench_goal[i], -bound), bound)
        live.wrench[i] = min(max(goal, live.wrench[i] - step), live.wrench[i] + step)
        wrench_goal[i] = live.wrench[i]


@inner
def integrate_error(error: FloatArray, extras: LawOptions, dt_s: float, live: ActiveGains) -> None:
    """Add the clipped error to the integral's wrench, which stays within its bound."""
    for i in range(6):
        clipped = min(max(error[i], live.clip_lower[i]), live.clip_upper[i])
        bound = extras.integral_max[i]
        live.integral[i] = min(max(live.integral[i] + extras.integral_rate[i] * clipped * dt_s, -bound), bound)
