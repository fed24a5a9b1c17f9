"""What the law can do beyond a spring, a damper and a posture. Everything is off until it is asked for.

The simulator of an experiment stays as it was when a feature is added; `controllers.law.presets` switches on what a
real arm should have. The settings are one numpy record: compiled code receives one pointer, however many there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from controllers.checks import no_nan, non_negative, not_negative, rotation_axis
from controllers.geometry import FloatArray

PLANES = 4

ExtrasArray = NDArray[np.void]  # (1,) of the record `LawOptions`


class LawOptions(Protocol):
    """One record of `make_extras`, as compiled code sees it. Axes of (6,): as in Gains."""

    gain_time_s: float
    operational_space: float
    extra_damping: FloatArray  # (6,)
    integral_rate: FloatArray  # (6,)
    integral_max: FloatArray  # (6,)
    wrench_rate_max: FloatArray  # (6,)
    friction_coulomb: FloatArray  # (N,)
    friction_viscous: FloatArray  # (N,)
    joint_margin_rad: float
    joint_stiffness: float
    joint_damping: float
    clip_targets: float
    planes: FloatArray  # (PLANES, 4)
    cone_axis: FloatArray  # (3,)
    cone_tool_axis: FloatArray  # (3,)
    cone_rad: float
    fence_margin_m: float
    fence_margin_rad: float
    fence_stiffness: FloatArray  # (2,)
    fence_damping: FloatArray  # (2,)
    fence_force_max: FloatArray  # (2,)
    contact_force_max: FloatArray  # (2,)
    contact_estimate_s: float
    contact_yield_s: float
    energy_max_j: float
    energy_refill_w: float
    singular_mobility: float
    singular_damping: float
    start_checks: float
    start_speed_max: float
    start_torque_max: float
    state_age_max_s: float
    state_frozen_s: float
    recover_distance_m: float
    recover_speed: FloatArray  # (2,)
    recoveries_per_minute: float
    integrates: float  # whether there is an integral at all: these three save the tick a look at each axis
    slews: float
    compensates_friction: float


class LawOptionSettings(NamedTuple):
    """The arguments of `make_extras`; a scalar stands for all axes of its field."""

    gain_time_s: float = 0.0
    """Time constant with which changed stiffness, clips and damping ratios come into force [s]; 0: at once."""
    operational_space: bool = False
    """tau = J^T Lambda (K e - D J dq): stiffness is then per unit of inertia [1/s^2]; the wrench is held to
    `force_limit` of the gains."""
    extra_damping: ArrayLike = 0.0
    """Added to the diagonal of the damping matrix, (6,) [N s/m, N m s/rad]; where a stiffness is zero, wrench_max over
    this is the speed that a wrench action can reach in the air."""
    integral_rate: ArrayLike = 0.0
    """(6,) of the clipped error [N/(m s), N m/(rad s)]."""
    integral_max: ArrayLike = 0.0
    """Bound of the integral's wrench, (6,) [N, N m]; it counts for the force cap."""
    wrench_rate_max: ArrayLike = np.inf
    """How fast the feed-forward wrench may change, (6,) [N/s, N m/s]."""
    friction_coulomb: ArrayLike = 0.0
    """Joint friction to compensate, (N,) [N m]."""
    friction_viscous: ArrayLike = 0.0
    """Joint friction to compensate, (N,) [N m s/rad]."""
    joint_margin_rad: float = 0.0
    """Where the walls before the joints' stops begin [rad]; 0: no walls."""
    joint_stiffness: float = 1000.0
    """Of these walls, per unit of inertia [1/s^2]."""
    joint_damping: float = 63.0
    """Of these walls, on the way out only, per unit of inertia [1/s]; 2 sqrt(1000) is critical."""
    clip_targets: bool = False
    """Targets outside the workspace are drawn to its edge; otherwise they are dropped."""
    planes: ArrayLike = ()
    """Half-spaces n . p >= d of allowed positions, up to 4 rows (n_x, n_y, n_z, d) [m]."""
    cone_axis: ArrayLike = (0.0, 0.0, -1.0)
    """The direction in the base frame about which the tool's axis may tilt."""
    cone_tool_axis: ArrayLike = (0.0, 0.0, 1.0)
    """The tool's axis in its own frame."""
    cone_rad: float = np.pi
    """How far it may tilt [rad]; pi: any way."""
    fence_margin_m: float = 0.0
    """A spring pushes the tool back from this far inside the workspace's faces [m]; 0: no spring."""
    fence_margin_rad: float = 0.0
    """The same for the cone [rad]."""
    fence_stiffness: ArrayLike = (2000.0, 50.0)
    """Of box and planes, and of the cone, (2,) [N/m, N m/rad]."""
    fence_damping: ArrayLike = (60.0, 2.0)
    """On the way out only, (2,) [N s/m, N m s/rad]."""
    fence_force_max: ArrayLike = (60.0, 10.0)
    """Bound of what the fence exerts, (2,) [N, N m]."""
    contact_force_max: ArrayLike = np.inf
    """The arm yields where the surroundings push harder, (2,) [N, N m]."""
    contact_estimate_s: float = 0.01
    """Time constant of the estimate of that wrench [s]."""
    contact_yield_s: float = 0.05
    """How fast the stiffness gives way, at twice the limit: to nothing in this time [s]."""
    energy_max_j: float = np.inf
    """What moving targets, changing gains and feed-forward may put into the arm in one burst [J]."""
    energy_refill_w: float = 20.0
    """And lastingly [W]."""
    singular_mobility: float = 0.0
    """Below this least pivot of J M^-1 J^T the reference slows down and the joints are damped [1/kg]; 0: never."""
    singular_damping: float = 10.0
    """At the singularity itself, per unit of inertia [1/s]."""
    start_checks: bool = False
    """Refuse activation of an arm that moves, sits outside its limits or carries another payload than it knows of."""
    start_speed_max: float = 0.05
    """Of each joint [rad/s]."""
    start_torque_max: float = 5.0
    """External torque at rest in each joint [N m]: half a kilogramme at full reach."""
    state_age_max_s: float = np.inf
    """A state older than this is a fault, where the state carries a stamp [s]."""
    state_frozen_s: float = np.inf
    """So is a state that reports speed and does not change for so long [s]."""
    recover_distance_m: float = 0.03
    """How far the arm backs off along its last path after a reflex [m]."""
    recover_speed: ArrayLike = (0.05, 0.3)
    """How fast, (2,) [m/s, rad/s]."""
    recoveries_per_minute: float = 0.0
    """How many reflexes the arm may recover from by itself; after that it waits for a person. The path is remembered
    only where this is above zero; at most 8."""


def make_extras(joints: int, **settings: Any) -> ExtrasArray:
    """Checked extras, from the fields of `LawOptionSettings`.

    Raises: ValueError, naming the field, its value and the rule; TypeError for a name that is no field.
    """
    given = LawOptionSettings(**settings)
    extras = np.zeros(1, extras_dtype(joints))
    for name, value in given._asdict().items():
        extras[name] = _checked(name, value, np.shape(extras[name][0]))
    extras["integrates"] = (extras["integral_max"] > 0.0).any()
    extras["slews"] = (extras["wrench_rate_max"] < np.inf).any()
    extras["compensates_friction"] = (extras["friction_coulomb"] > 0.0).any() or (
        extras["friction_viscous"] > 0.0
    ).any()
    return extras


def extras_dtype(joints: int) -> np.dtype[np.void]:
    """The record's fields, in the order of `LawOptions`."""
    derived = ("integrates", "slews", "compensates_friction")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys((*LawOptionSettings._fields, *derived), ())
    shapes |= dict.fromkeys(("extra_damping", "integral_rate", "integral_max", "wrench_rate_max"), (6,))
    shapes |= dict.fromkeys(("friction_coulomb", "friction_viscous"), (joints,))
    shapes |= dict.fromkeys(("fence_stiffness", "fence_damping", "fence_force_max"), (2,))
    shapes |= dict.fromkeys(("contact_force_max", "recover_speed"), (2,))
    shapes |= {"planes": (PLANES, 4), "cone_axis": (3,), "cone_tool_axis": (3,)}
    return np.dtype([(name, "f8", shape) for name, shape in shapes.items()], align=True)


_MAY_BE_INFINITE = (
    "wrench_rate_max", "contact_force_max", "energy_max_j", "start_torque_max", "start_speed_max", "state_age_max_s",
    "state_frozen_s", "fence_force_max", "recoveries_per_minute",
)  # fmt: skip


def _checked(name: str, value: Any, shape: tuple[int, ...]) -> Any:
    if name == "planes":
        return _planes(value)
    if name in ("cone_axis", "cone_tool_axis"):
        return rotation_axis(name, value)
    size = int(np.prod(shape))
    if name in _MAY_BE_INFINITE:
        array = not_negative(name, no_nan(name, value, size))
    else:
        array = non_negative(name, value, size)
    return array if shape else array[0]


def _planes(value: ArrayLike) -> FloatArray:
    """Rows with unit normals; unused rows hold nothing back."""
    given = np.asarray(value, dtype=np.float64)
    rows = given.reshape(-1, 4) if given.size % 4 == 0 else np.full((1, 4), np.nan)
    rows = rows[(rows != [0.0, 0.0, 0.0, -np.inf]).any(axis=1)]  # unused rows of a former record
    if len(rows) > PLANES or not np.isfinite(rows).all() or (np.linalg.norm(rows[:, :3], axis=1) < 1e-9).any():
        raise ValueError(
            f"planes: got {given.tolist()}, expected at most {PLANES} rows of a normal and a distance; "
            "a plane that bounds nothing is left out."
        )
    planes = np.tile([0.0, 0.0, 0.0, -np.inf], (PLANES, 1))
    planes[: len(rows)] = rows / np.linalg.norm(rows[:, :3], axis=1, keepdims=True)
    return planes
