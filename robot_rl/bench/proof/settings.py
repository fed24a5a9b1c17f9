"""What the proof tries the law with, and what it holds the law to: settings in random workspaces, and their bounds."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from controllers.arm import KNOWN_ARMS, ArmLimits
from controllers.geometry import FloatArray, matrix_from_quat, quat_exp, quat_multiply
from controllers.law.gains import Gains, force_cap
from controllers.law.options import PLANES, make_extras
from controllers.law.presets import guarded_extras, preset
from robot_rl.bench.arm import N
from robot_rl.sim.arm import HOME_Q

LIMITS = KNOWN_ARMS["fer"]
UNHURRIED = LIMITS._replace(tau_max=np.full(N, 1e6), tau_rate_max=np.full(N, 1e12))
"""The same arm where torque and rate guards never act: there the power and velocity guards are seen in the command."""
BOX: dict[str, Any] = {"workspace_lower": (0.2, -0.4, 0.0), "workspace_upper": (0.7, 0.4, 0.7)}
FIRM: dict[str, Any] = {"start_checks": False, "contact_force_max": np.inf, "energy_max_j": np.inf}
"""Random states look like violent contact: an arm that yields to it drives nothing and cannot break a bound."""

PromiseArray = NDArray[np.void]  # (1,) of the record `Promise`


class Trial(NamedTuple):
    """Settings that are tried, and a pose well inside their workspace."""

    gains: Gains
    limits: ArmLimits
    changing: bool  # whether stiffness and damping ratio change all the time
    home: FloatArray  # (7,) position [m] and quat_xyzw


class Promise(Protocol):
    """What the law is held to, a numpy record apart from its settings: a test can ask for more than was promised."""

    cap: FloatArray  # (6,) of what drives the arm [N, N m]
    stiffness: FloatArray  # (6,)
    damping_ratio: FloatArray  # (6,)
    wrench_max: FloatArray  # (6,) [N, N m]
    wrench_rate_max: FloatArray  # (6,) [N/s, N m/s]
    lower: FloatArray  # (3,) the box [m]
    upper: FloatArray  # (3,) [m]
    planes: FloatArray  # (PLANES, 4)
    cone_axis: FloatArray  # (3,)
    cone_tool_axis: FloatArray  # (3,)
    cone_rad: float
    speed_max: FloatArray  # (2,) of the reference [m/s, rad/s]
    fence_force_max: FloatArray  # (2,) [N, N m]
    posture_torque_max: float  # [N m]
    energy_max_j: float
    energy_refill_w: float
    tau_max: FloatArray  # (N,) [N m]
    tau_rate_max: FloatArray  # (N,) [N m/s]
    dq_max: FloatArray  # (N,) [rad/s]
    power_max: float  # [W]
    operational_space: float
    changing: float


def promise(trial: Trial) -> PromiseArray:
    """The bounds of these settings."""
    gains, extras, limits = trial.gains, trial.gains.extras[0], trial.limits
    fields: dict[str, Any] = {
        "cap": force_cap(gains), "lower": gains.workspace_lower, "upper": gains.workspace_upper,
        "changing": float(trial.changing), "operational_space": extras["operational_space"],
    }  # fmt: skip
    of_gains = ("stiffness", "damping_ratio", "wrench_max", "speed_max", "posture_torque_max")
    of_extras = ("wrench_rate_max", "planes", "cone_axis", "cone_tool_axis", "cone_rad", "fence_force_max",
                 "energy_max_j", "energy_refill_w")  # fmt: skip
    fields |= {name: np.copy(getattr(gains, name)) for name in of_gains}
    fields |= {name: np.copy(extras[name]) for name in of_extras}
    fields |= {name: getattr(limits, name) for name in ("tau_max", "tau_rate_max", "dq_max", "power_max")}
    record = np.zeros(1, np.dtype([(name, "f8", np.shape(value)) for name, value in fields.items()], align=True))
    for name, value in fields.items():
        record[name] = value
    return record


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
    name, changes, extras = KINDS[kind]
    workspace, home = random_workspace(rng)
    box = BOX if rng.random() < 0.75 else {}
    made = guarded_extras(N, **FENCED, **extras, **workspace) if extras else make_extras(N, **workspace)
    limits = UNHURRIED if rng.random() < 0.5 else LIMITS
    task_R = np.eye(3)
    if rng.random() < 0.5:
        matrix_from_quat(quat_exp(_direction(rng) * rng.uniform(0.0, np.pi)), task_R)
    gains = preset(name, HOME_Q, extras=made, task_R=task_R, **changes, **box)
    return Trial(gains, limits, kind == "changing", home)


FENCED: dict[str, Any] = {"fence_margin_rad": 0.2}
_INTEGRAL: dict[str, Any] = {"integral_rate": 100.0, "integral_max": 3.0}
_QUICK: dict[str, Any] = {"filter_time_s": 0.0, "ramp_s": 0.0}
# Everything on; another project's, which drops targets outside; all but what would give way, clipping and dropping, and
# with a reference that jumps; operational space; forces as actions; gains that change against an energy account.
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "everything": ("guarded", {}, {"start_checks": False, "gain_time_s": 0.02}),
    "parity": ("hil_serl_ram", {"speed_max": (0.5, 1.5)}, {}),
    "clipping": ("precise", {"wrench_max": 5.0, "force_limit": 1e3, **_QUICK}, FIRM | _INTEGRAL),
    "dropping": ("precise", {"wrench_max": 5.0, "force_limit": 1e3, **_QUICK}, FIRM | {"clip_targets": False}),
    "at once": ("guarded", {"speed_max": np.inf, **_QUICK}, FIRM),
    "operational": (
        "guarded",
        {"stiffness": 200.0, "force_limit": 40.0},
        FIRM | {"operational_space": True},
    ),
    "wrench": ("wrench", {}, FIRM | {"extra_damping": 80.0, "wrench_rate_max": 400.0}),
    "changing": ("guarded", {"wrench_max": 5.0}, FIRM | {"energy_max_j": 5.0, "gain_time_s": 0.02}),
}
