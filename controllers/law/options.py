"""Options of the law beyond spring, damper and posture, all off by default.

A new option therefore does not change the simulator's experiments; `controllers.law.presets` enables those that a real
arm should have.
"""

import math
from typing import Annotated, Any

import numpy as np

from controllers.checks import FloatArray, rotation_axis
from controllers.law.gain import gain
from controllers.records import Axes2, Axes3, Axes6, Joints, Record

PLANES = 4
UNUSED_PLANE = (0.0, 0.0, 0.0, -math.inf)
INF = math.inf


def _axis(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    return rotation_axis(name, value)


def _planes(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    """Rows with unit normals; unused rows bound nothing."""
    given = np.asarray(value, dtype=np.float64)
    rows = given.reshape(-1, 4) if given.size % 4 == 0 else np.full((1, 4), np.nan)
    rows = rows[(rows != UNUSED_PLANE).any(axis=1)]
    if len(rows) > PLANES or not np.isfinite(rows).all() or (np.linalg.norm(rows[:, :3], axis=1) < 1e-9).any():
        raise ValueError(
            f"{name}: got {given.tolist()}, expected at most {PLANES} rows of a normal and a distance; "
            "a plane that bounds nothing is left out."
        )
    planes = np.tile(UNUSED_PLANE, (PLANES, 1))
    planes[: len(rows)] = rows / np.linalg.norm(rows[:, :3], axis=1, keepdims=True)
    return planes


class LawOptions(Record):
    """Options of the law, fields of `Gains`. Axes of (6,): x y z, then rotation about x y z, in the task frame."""

    gain_time_s: float = gain(0.0, "time constant of changes of stiffness, clips and damping ratios [s]; 0: at once")
    operational_space: float = gain(
        False, "tau = J^T Lambda (K e - D J dq): stiffness per unit of inertia [1/s^2], wrench held to force_limit"
    )
    extra_damping: Axes6 = gain(
        0.0,
        "added to the diagonal of the damping matrix [N s/m, N m s/rad]; where a stiffness is zero, wrench_max over "
        "this is the speed that a wrench action can reach in free space",
    )
    integral_rate: Axes6 = gain(0.0, "integral action on the clipped error [N/(m s), N m/(rad s)]")
    integral_max: Axes6 = gain(0.0, "bound of the integral's wrench [N, N m]; part of the force cap")
    wrench_rate_max: Axes6 = gain(INF, "rate limit of the feed-forward wrench [N/s, N m/s]", finite=False)
    friction_coulomb: Joints = gain(0.0, "dry joint friction to compensate [N m]")
    friction_viscous: Joints = gain(0.0, "viscous joint friction to compensate [N m s/rad]")
    joint_margin_rad: float = gain(
        0.0, "distance from the joint limits at which virtual walls begin [rad]; 0: no walls"
    )
    clip_targets: float = gain(False, "move targets outside the workspace to its edge; otherwise they are dropped")
    planes: Annotated[FloatArray, PLANES, 4] = gain(
        (), f"half-spaces n . p >= d of allowed positions, up to {PLANES} rows n_x n_y n_z d [m]",
        (-INF, INF), check=_planes,
    )  # fmt: skip
    cone_axis: Axes3 = gain((0.0, 0.0, -1.0), "axis of the cone in the base frame", (-INF, INF), check=_axis)
    cone_tool_axis: Axes3 = gain((0.0, 0.0, 1.0), "the tool's axis in its own frame", (-INF, INF), check=_axis)
    cone_rad: float = gain(math.pi, "largest tilt of the tool's axis from the cone's [rad]; pi: any", (0.0, math.pi))
    fence_margin_m: float = gain(0.0, "virtual walls begin this far inside the workspace's faces [m]; 0: no walls")
    fence_margin_rad: float = gain(0.0, "the same for the cone [rad]")
    fence_force_max: Axes2 = gain(
        (60.0, 10.0), "bound of the wrench of the workspace's virtual walls [N, N m]", finite=False
    )
    contact_force_max: Axes2 = gain(
        INF, "external wrench above which the stiffness is reduced [N, N m]; .inf: never", finite=False
    )
    energy_max_j: float = gain(
        INF, "energy tank: energy that targets, gains and feed-forward may supply at once [J]; .inf: any",
        finite=False,
    )  # fmt: skip
    energy_refill_w: float = gain(20.0, "refill of the energy tank [W]")
    singular_mobility: float = gain(
        0.0, "least pivot of J M^-1 J^T below which the reference slows down and the joints are damped [1/kg]; 0: never"
    )
    start_checks: float = gain(False, "refuse activation of an arm that moves, is outside its limits or is loaded")
    state_age_max_s: float = gain(INF, "age of a state that is a fault [s]; .inf: never", finite=False)
    state_frozen_s: float = gain(INF, "time without change of a moving arm's state that is a fault [s]", finite=False)
    recover_distance_m: float = gain(0.03, "distance of the back-off along the last path after a reflex [m]")
    recoveries_per_minute: float = gain(
        0.0, "automatic recoveries from reflexes per minute, at most 8; 0: wait for a person", finite=False,
        range=(0.0, 8.0),
    )  # fmt: skip
