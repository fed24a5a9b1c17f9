"""The settings of the law, checked once where they are made, so that the tick can trust them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from controllers.checks import finite, no_nan, non_negative, not_negative, rotation
from controllers.geometry import FloatArray
from controllers.law.options import ExtrasArray, make_extras


class Gains(NamedTuple):
    """Build with `make_gains`. Axes of (6,): x y z, then rotation about x y z, in the task frame."""

    stiffness: FloatArray  # (6,) K [N/m, N m/rad]
    damping_ratio: FloatArray  # (6,) zeta
    constant_damping: FloatArray  # (6,) used instead of zeta when free of nan [N s/m, N m s/rad]
    clip_lower: FloatArray  # (6,) <= 0, least error that counts [m, rad]
    clip_upper: FloatArray  # (6,) >= 0, largest error that counts [m, rad]
    wrench_max: FloatArray  # (6,) bound of the feed-forward wrench [N, N m]
    task_R: FloatArray  # (3, 3) R_base_task
    posture: FloatArray  # (N,) where the nullspace is drawn to [rad]
    posture_stiffness: float  # per unit of inertia [1/s^2]
    posture_damping: float  # per unit of inertia [1/s]
    posture_torque_max: float  # [N m]
    workspace_lower: FloatArray  # (3,) of target positions [m]
    workspace_upper: FloatArray  # (3,) [m]
    speed_max: FloatArray  # (2,) of the reference [m/s, rad/s]
    filter_time_s: float  # time constant of the reference [s]
    ramp_s: float  # stiffness from 0 to K after activation, and away in DAMPING [s]
    hold_after_s: float  # age of the target [s]
    damp_after_s: float  # age of the target [s]
    damping_refresh_ticks: float  # the damping matrix is good for this many ticks
    compensate_gravity: float  # 1.0 adds g, 0.0 leaves it to the robot
    force_limit: FloatArray  # (6,) what `force_cap` was checked against [N, N m]
    extras: ExtrasArray  # (1,) everything beyond: see controllers.law.options


def make_gains(
    posture: ArrayLike,
    *,
    stiffness: ArrayLike = (600.0, 600.0, 600.0, 30.0, 30.0, 30.0),
    damping_ratio: ArrayLike = 1.0,
    constant_damping: ArrayLike | None = None,
    clip_lower: ArrayLike = (-0.05, -0.05, -0.05, -0.25, -0.25, -0.25),
    clip_upper: ArrayLike = (0.05, 0.05, 0.05, 0.25, 0.25, 0.25),
    wrench_max: ArrayLike = 0.0,
    force_limit: ArrayLike = (60.0, 60.0, 60.0, 20.0, 20.0, 20.0),
    task_R: ArrayLike | None = None,
    posture_stiffness: float = 10.0,
    posture_damping: float | None = None,
    posture_torque_max: float = 5.0,
    workspace_lower: ArrayLike = -np.inf,
    workspace_upper: ArrayLike = np.inf,
    speed_max: ArrayLike = (0.5, 1.5),
    filter_time_s: float = 0.05,
    ramp_s: float = 0.5,
    hold_after_s: float = 0.15,
    damp_after_s: float = 0.5,
    damping_refresh_ticks: int = 10,
    compensate_gravity: bool = False,
    extras: ExtrasArray | None = None,
) -> Gains:
    """Checked gains; a scalar stands for all axes of its field.

    The static wrench stays within `force_cap(gains)` = K max(-clip_lower, clip_upper) + wrench_max, and that cap must
    not exceed `force_limit` [N, N m]. Feed-forward wrenches are off until wrench_max says how much is allowed. All
    `extras` are off unless given (`make_extras`).

    Raises: ValueError, naming the field, its value and the rule.
    Source: stiffness 600/30 crisp_controllers and panda-py; clips and 0.5 s ramp are the house's choice.
    """
    if posture_damping is None:  # critical
        posture_damping = 2.0 * float(np.sqrt(max(posture_stiffness, 0.0)))
    by_ratio = np.full(6, np.nan)
    gains = Gains(
        stiffness=non_negative("stiffness", stiffness, 6),
        damping_ratio=non_negative("damping_ratio", damping_ratio, 6),
        constant_damping=by_ratio
        if constant_damping is None
        else non_negative("constant_damping", constant_damping, 6),
        clip_lower=-non_negative("-clip_lower", -np.asarray(clip_lower, dtype=np.float64), 6),
        clip_upper=non_negative("clip_upper", clip_upper, 6),
        wrench_max=non_negative("wrench_max", wrench_max, 6),
        task_R=rotation("task_R", np.eye(3) if task_R is None else task_R),
        posture=finite("posture", posture, np.size(posture)),
        posture_stiffness=float(non_negative("posture_stiffness", posture_stiffness, 1)[0]),
        posture_damping=float(non_negative("posture_damping", posture_damping, 1)[0]),
        posture_torque_max=float(non_negative("posture_torque_max", posture_torque_max, 1)[0]),
        workspace_lower=no_nan("workspace_lower", workspace_lower, 3),
        workspace_upper=no_nan("workspace_upper", workspace_upper, 3),
        speed_max=not_negative("speed_max", no_nan("speed_max", speed_max, 2)),
        filter_time_s=float(non_negative("filter_time_s", filter_time_s, 1)[0]),
        ramp_s=float(non_negative("ramp_s", ramp_s, 1)[0]),
        hold_after_s=float(non_negative("hold_after_s", hold_after_s, 1)[0]),
        damp_after_s=float(non_negative("damp_after_s", damp_after_s, 1)[0]),
        damping_refresh_ticks=float(non_negative("damping_refresh_ticks", float(damping_refresh_ticks), 1)[0]),
        compensate_gravity=1.0 if compensate_gravity else 0.0,
        force_limit=not_negative("force_limit", no_nan("force_limit", force_limit, 6)),
        extras=make_extras(np.size(posture)) if extras is None else extras,
    )
    check_gains(gains)
    return gains


def force_cap(gains: Gains) -> FloatArray:
    """The largest static wrench that the arm can exert of itself, (6,) [N, N m].

    K max(-clip_lower, clip_upper) + wrench_max + integral_max; force_limit itself in operational space, where the
    arm's inertia would scale it.
    """
    extras = gains.extras[0]
    if extras["operational_space"]:
        return gains.force_limit.copy()
    clip = np.maximum(-gains.clip_lower, gains.clip_upper)
    return gains.stiffness * clip + gains.wrench_max + extras["integral_max"]


def check_gains(gains: Gains) -> None:
    """What must hold between the fields. Raises: ValueError."""
    _check_force_cap(gains)
    _check_order(gains)


def _check_force_cap(gains: Gains) -> None:
    cap = force_cap(gains)
    if (cap > gains.force_limit).any():
        raise ValueError(
            f"force cap stiffness * clip + wrench_max: got {cap.tolist()}, expected at most "
            f"{gains.force_limit.tolist()}; lower the stiffness or the clip, or raise force_limit."
        )
    if gains.extras[0]["operational_space"] and not np.isfinite(gains.force_limit).all():
        raise ValueError(
            f"force_limit: got {gains.force_limit.tolist()}, expected finite numbers in operational space; "
            "choose what the arm may exert."
        )
    if gains.extras[0]["operational_space"] and gains.extras[0]["energy_max_j"] < np.inf:
        raise ValueError(
            f"energy_max_j: got {gains.extras[0]['energy_max_j']}, expected inf in operational space, whose spring has "
            "no energy to account for; choose one of the two."
        )


def _check_order(gains: Gains) -> None:
    if (gains.workspace_lower > gains.workspace_upper).any():
        raise ValueError(
            f"workspace_lower: got {gains.workspace_lower.tolist()}, expected at most workspace_upper "
            f"{gains.workspace_upper.tolist()}; swap them."
        )
    if gains.hold_after_s > gains.damp_after_s:
        raise ValueError(
            f"hold_after_s: got {gains.hold_after_s}, expected at most damp_after_s {gains.damp_after_s}; "
            "raise damp_after_s."
        )
