"""Settings of the verification in random workspaces, and their bounds."""

from typing import Annotated, Any, NamedTuple

import numpy as np

from controllers.arm import ArmLimits
from controllers.arms.spec import arm_limits
from controllers.geometry import FloatArray, matrix_from_quat, quat_exp, quat_multiply
from controllers.law.backoff import RECOVER_SPEED
from controllers.law.gains import Gains, force_cap
from controllers.law.joint_motion import TORQUE_MAX
from controllers.law.options import PLANES
from controllers.law.presets import PARITY, preset
from controllers.records import Axes2, Axes3, Axes6, Joints, Record, make_record
from robot_rl.bench.arm import N
from robot_rl.sim.arm import HOME_Q

LIMITS = arm_limits("fer")
UNHURRIED = LIMITS._replace(tau_max=np.full(N, 1e6), tau_rate_max=np.full(N, 1e12))
"""The same arm where torque and rate guards never act: there the power and velocity guards are seen in the command."""
BOX: dict[str, Any] = {"workspace_lower": (0.2, -0.4, 0.0), "workspace_upper": (0.7, 0.4, 0.7)}
FIRM: dict[str, Any] = {"start_checks": False, "contact_force_max": np.inf, "energy_max_j": np.inf}
"""Random states look like violent contact: an arm that yields to it drives nothing and cannot break a bound."""


class Trial(NamedTuple):
    """Settings that are tried, and a pose well inside their workspace."""

    gains: Gains
    limits: ArmLimits
    changing: bool  # whether stiffness and damping ratio change all the time
    home: FloatArray  # (7,) position [m] and quat_xyzw


class Bounds(Record):
    """Bounds of the law, a record apart from its settings: a test can ask for more. The rest is as in `Gains`."""

    cap: Axes6  # of what drives the arm [N, N m]
    stiffness: Axes6
    damping_ratio: Axes6
    wrench_max: Axes6
    wrench_rate_max: Axes6
    workspace_lower: Axes3
    workspace_upper: Axes3
    planes: Annotated[FloatArray, PLANES, 4]
    cone_axis: Axes3
    cone_tool_axis: Axes3
    cone_rad: float
    speed_max: Axes2
    fence_force_max: Axes2
    posture_torque_max: float
    energy_max_j: float
    energy_refill_w: float
    tau_max: Joints
    tau_rate_max: Joints
    dq_max: Joints
    power_max: float
    operational_space: float
    recover_distance_m: float
    recover_speed: Axes2
    motion_torque_max: float  # of the spring of a joint motion [N m]
    changing: float  # whether stiffness and damping ratio change all the time


def bounds_of(trial: Trial) -> Bounds:
    """The bounds of these settings."""
    bounds = make_record(
        Bounds,
        N,
        cap=force_cap(trial.gains),
        recover_speed=RECOVER_SPEED,
        motion_torque_max=TORQUE_MAX,
        changing=float(trial.changing),
    )
    for name in Bounds.fields:
        for source in (trial.gains, trial.limits):
            if hasattr(source, name):
                bounds[name] = getattr(source, name)
    return bounds


def _direction(rng: np.random.Generator) -> FloatArray:
    v = rng.normal(size=3)
    return np.asarray(v / np.linalg.norm(v))


def _leading(a: FloatArray, b: FloatArray) -> FloatArray:
    """The quaternion (4,) that turns direction a into b."""
    axis, angle = np.cross(a, b), np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)
    return np.array(quat_exp(axis / max(float(np.linalg.norm(axis)), 1e-12) * angle))


def random_workspace(rng: np.random.Generator) -> tuple[dict[str, Any], FloatArray]:
    """Up to four planes through the box, a cone about any axis, in three of four cases each; and the pose inside."""
    p = rng.uniform(*BOX.values()) * 0.6 + 0.4 * np.mean(list(BOX.values()), axis=0)
    normals = [_direction(rng) for _ in range(rng.integers(1, PLANES + 1) if rng.random() < 0.75 else 0)]
    axis, tool = _direction(rng), _direction(rng)
    extras = {
        "planes": [(*n, n @ p - rng.uniform(0.01, 0.2)) for n in normals],
        "cone_axis": axis, "cone_tool_axis": tool,
        "cone_rad": rng.uniform(0.05, 3.0) if rng.random() < 0.75 else np.pi,
    }  # fmt: skip
    turn = np.array(quat_exp(axis * rng.uniform(-np.pi, np.pi)))
    return extras, np.r_[p, quat_multiply(turn, _leading(tool, axis))]


def random_trials(rng: np.random.Generator) -> list[Trial]:
    """Each of `KINDS` once, in a workspace of its own."""
    return [make_trial(kind, rng) for kind in KINDS]


def make_trial(kind: str, rng: np.random.Generator) -> Trial:
    """These settings in a random workspace; one in two with a task frame, or with limits that are never in the way."""
    name, changes = KINDS[kind]
    workspace, home = random_workspace(rng)
    box = BOX if rng.random() < 0.75 else {}
    walls = {} if name in PARITY else FENCED
    limits = UNHURRIED if rng.random() < 0.5 else LIMITS
    task_R = np.eye(3)
    if rng.random() < 0.5:
        matrix_from_quat(quat_exp(_direction(rng) * rng.uniform(0.0, np.pi)), task_R)
    gains = preset(name, HOME_Q, task_R=task_R, **(walls | workspace | changes | box))
    return Trial(gains, limits, kind == "changing", home)


FENCED: dict[str, Any] = {"fence_margin_rad": 0.2}
_INTEGRAL: dict[str, Any] = {"integral_rate": 100.0, "integral_max": 3.0}
_QUICK: dict[str, Any] = {"filter_time_s": 0.0, "ramp_s": 0.0}
# Everything on; another project's, which drops targets outside; all but what would give way, clipping and dropping, and
# with a reference that jumps; operational space; forces as actions; gains that change against an energy account.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "everything": ("guarded", {"start_checks": False, "gain_time_s": 0.02}),
    "parity": ("hil_serl_ram", {"speed_max": (0.5, 1.5)}),
    "clipping": ("precise", {"wrench_max": 5.0, "force_limit": 1e3, **_QUICK, **FIRM, **_INTEGRAL}),
    "dropping": ("precise", {"wrench_max": 5.0, "force_limit": 1e3, **_QUICK, **FIRM, "clip_targets": False}),
    "at once": ("guarded", {"speed_max": np.inf, **_QUICK, **FIRM}),
    "operational": ("guarded", {"stiffness": 200.0, "force_limit": 40.0, **FIRM, "operational_space": True}),
    "wrench": ("wrench", {**FIRM, "extra_damping": 80.0, "wrench_rate_max": 400.0}),
    "changing": ("guarded", {"wrench_max": 5.0, **FIRM, "energy_max_j": 5.0, "gain_time_s": 0.02}),
}
