"""Gains of the law, checked once on construction, so that the tick need not check them."""

import difflib
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from controllers.checks import FloatArray, non_negative, rotation
from controllers.law.gain import checked, gain
from controllers.law.options import LawOptions
from controllers.records import Axes2, Axes3, Axes6, Joints, Matrix3, make_record

INF = math.inf
_SIX = "along x y z, then about x y z"


def _rotation(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    return rotation(name, np.eye(3) if value is None else value)


def _damping(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    """Numbers >= 0, or None or all nan: the damping ratio counts."""
    array = np.full(shape, np.nan if value is None else np.asarray(value, dtype=np.float64))
    return array if np.isnan(array).all() else non_negative(name, array, 6)


class Gains(LawOptions):
    """Build with `make_gains`. Axes of (6,): x y z, then rotation about x y z, in the task frame."""

    stiffness: Axes6 = gain(
        (600.0, 600.0, 600.0, 30.0, 30.0, 30.0), f"K, {_SIX} [N/m, N m/rad]", range=(0.0, 5000.0), ramped=True
    )
    damping_ratio: Axes6 = gain(1.0, f"zeta, {_SIX}", range=(0.0, 2.0), ramped=True)
    constant_damping: Axes6 = gain(
        None, "used instead of zeta when free of nan [N s/m, N m s/rad]", check=_damping, parameter=False
    )
    clip_lower: Axes6 = gain(
        (-0.05, -0.05, -0.05, -0.25, -0.25, -0.25), f"lower clip of the error, {_SIX} [m, rad]", (-INF, 0.0),
        range=(-1.0, 0.0), ramped=True,
    )  # fmt: skip
    clip_upper: Axes6 = gain(
        (0.05, 0.05, 0.05, 0.25, 0.25, 0.25), f"upper clip of the error, {_SIX} [m, rad]", range=(0.0, 1.0),
        ramped=True,
    )  # fmt: skip
    wrench_max: Axes6 = gain(0.0, f"bound of target_wrench, {_SIX} [N, N m]; 0: none", range=(0.0, 100.0), ramped=True)
    force_limit: Axes6 = gain(
        (60.0, 60.0, 60.0, 20.0, 20.0, 20.0), "largest allowed force cap [N, N m]", finite=False,
        range=(0.0, 200.0),
    )  # fmt: skip
    task_R: Matrix3 = gain(None, "R_base_task", check=_rotation, parameter=False)
    posture: Joints = gain(0.0, "joint positions of the nullspace posture [rad]", (-INF, INF), parameter=False)
    posture_stiffness: float = gain(10.0, "of the nullspace, per unit of inertia [1/s^2]", range=(0.0, 400.0))
    posture_damping: float = gain(None, "of the nullspace, per unit of inertia [1/s]", range=(0.0, 100.0))
    posture_torque_max: float = gain(5.0, "bound of the nullspace torque [N m]", range=(0.0, 20.0))
    workspace_lower: Axes3 = gain(-INF, "of target positions [m]", (-INF, INF), finite=False)
    workspace_upper: Axes3 = gain(INF, "of target positions [m]", (-INF, INF), finite=False)
    speed_max: Axes2 = gain((0.5, 1.5), "of the reference [m/s, rad/s]", finite=False)
    filter_time_s: float = gain(0.05, "time constant of the reference [s]", range=(0.0, 2.0))
    ramp_s: float = gain(
        0.5, "ramp of the stiffness from zero to K after activation, and down in DAMPING [s]", range=(0.0, 5.0)
    )
    hold_after_s: float = gain(0.15, "age of a target at which the arm holds [s]", range=(0.0, 2.0))
    damp_after_s: float = gain(0.5, "age at which the stiffness ramps away [s]", range=(0.0, 10.0))
    damping_refresh_ticks: float = gain(10.0, "ticks between two computations of the damping matrix", parameter=False)
    compensate_gravity: float = gain(False, "add g; otherwise the robot compensates gravity itself", parameter=False)

    def changed(self, **changes: Any) -> "Gains":
        """Return these gains with changes, checked as by `make_gains`.

        Raises:
            ValueError: see `make_gains`.
        """
        return make_gains(**({name: getattr(self, name) for name in self.fields} | changes))


def make_gains(posture: ArrayLike, **settings: Any) -> Gains:
    """Return checked gains for an arm with this posture (N,); a scalar is repeated.

    The static wrench stays within `force_cap(gains)` = K max(-clip_lower, clip_upper) + wrench_max, and that cap must
    not exceed `force_limit` [N, N m]. Feed-forward wrenches are off while wrench_max is zero.

    Raises:
        ValueError: naming the field, its value and the rule.
        TypeError: a name that is not a field.
    Source: stiffness 600/30 crisp_controllers and panda-py; clips and 0.5 s ramp are our choice.
    """
    joints = np.size(posture)
    for name in settings:
        if name not in Gains.fields:
            nearest = difflib.get_close_matches(name, Gains.fields, n=1, cutoff=0.0)[0]
            raise TypeError(f"gains: got {name!r}, expected a field of Gains; did you mean {nearest!r}?")
    values = {name: field.declared.default for name, field in Gains.fields.items()} | settings | {"posture": posture}
    if values["posture_damping"] is None:  # critical
        values["posture_damping"] = 2.0 * np.sqrt(np.maximum(values["posture_stiffness"], 0.0))
    gains = make_record(Gains, joints)
    for name, field in Gains.fields.items():
        gains[name] = checked(field, values[name], joints)
    check_gains(gains)
    return gains


def force_cap(gains: Gains) -> FloatArray:
    """Return the largest static wrench of the controller, (6,) [N, N m].

    K max(-clip_lower, clip_upper) + wrench_max + integral_max; force_limit itself in operational space, where the
    arm's inertia would scale it.
    """
    if gains.operational_space:
        return gains.force_limit.copy()
    clip = np.maximum(-gains.clip_lower, gains.clip_upper)
    return gains.stiffness * clip + gains.wrench_max + gains.integral_max


def check_gains(gains: Gains) -> None:
    """Check the rules between fields.

    Raises:
        ValueError: naming the fields and the rule.
    """
    cap = force_cap(gains)
    if (cap > gains.force_limit).any():
        raise ValueError(
            f"force cap stiffness * clip + wrench_max: got {cap.tolist()}, expected at most "
            f"{gains.force_limit.tolist()}; lower the stiffness or the clip, or raise force_limit."
        )
    if gains.operational_space:
        _check_operational_space(gains)
    _check_order(gains)


def _check_operational_space(gains: Gains) -> None:
    if not np.isfinite(gains.force_limit).all():
        raise ValueError(
            f"force_limit: got {gains.force_limit.tolist()}, expected finite numbers in operational space; "
            "choose what the arm may exert."
        )
    if gains.energy_max_j < INF:
        raise ValueError(
            f"energy_max_j: got {gains.energy_max_j}, expected inf in operational space, whose spring has "
            "no potential energy; choose one of the two."
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


RAMPED = tuple(name for name, field in Gains.fields.items() if field.declared.ramped)
