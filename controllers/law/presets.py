"""Gains by name: other projects' controllers, for comparison, and starting points for tasks.

    gains = preset("precise", posture)
    gains = preset("serl", posture, speed_max=(0.2, 0.5))

Our own presets include GUARDED, the options that a real arm should have. The parity presets hold their source's
numbers only; add `**GUARDED` to keep the guards. A real arm refuses them unless `unguarded` is set.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from controllers.law.gains import Gains, make_gains

GUARDED: dict[str, Any] = {
    "gain_time_s": 0.1,
    "joint_margin_rad": 0.1,
    "clip_targets": True,
    "fence_margin_m": 0.02,
    "wrench_rate_max": 500.0,
    "contact_force_max": (50.0, 15.0),
    "energy_max_j": 5.0,
    "energy_refill_w": 20.0,
    "singular_mobility": 0.06,
    "start_checks": True,
    "state_age_max_s": 0.010,
    "state_frozen_s": 0.010,
    "recoveries_per_minute": 3.0,
}


def _axes(linear: float, angular: float) -> list[float]:
    return [linear] * 3 + [angular] * 3


def _clips(lower: ArrayLike, upper: ArrayLike) -> dict[str, Any]:
    return {"clip_lower": -np.asarray(lower), "clip_upper": np.asarray(upper)}


def _even_clips(linear: float, angular: float) -> dict[str, Any]:
    return _clips(_axes(linear, angular), _axes(linear, angular))


# serl_franka_controllers: 2000 N/m and 150 N m/rad on the vector part of the error quaternion, which is half the angle;
# on the whole angle that is 75 N m/rad, and its clip of 0.05 is 0.1 rad. The moment's bound, 7.5 N m, is the same.
_SERL: dict[str, Any] = {
    "stiffness": _axes(2000.0, 75.0),
    "constant_damping": _axes(89.0, 7.0),
    "posture_stiffness": 0.2,
    "filter_time_s": 0.2,  # a filter of 0.005 per tick of 1 ms
    "speed_max": np.inf,
    "force_limit": _axes(25.0, 10.0),
    **_even_clips(0.010, 0.1),
}

# Parity presets: without our options, for comparison.
PARITY: dict[str, dict[str, Any]] = {
    "serl": _SERL,
    "hil_serl_ram": _SERL | _clips([0.002, 0.0016, 0.005, 0.1, 0.1, 0.1], [0.0075, 0.0016, 0.0055, 0.1, 0.1, 0.1]),
    "crisp": {
        "stiffness": _axes(600.0, 30.0),
        "constant_damping": 2.0 * np.sqrt(_axes(600.0, 30.0)),
        "posture_torque_max": 5.0,
        "force_limit": _axes(60.0, 15.0),
        **_even_clips(0.1, 0.5),
    },
    "franky": {
        "stiffness": _axes(500.0, 50.0),
        "constant_damping": 2.0 * np.sqrt(_axes(500.0, 50.0)),
        "force_limit": _axes(50.0, 12.5),
        **_even_clips(0.10, 0.25),
    },
    "panda_py": {
        "stiffness": _axes(600.0, 30.0),
        "constant_damping": 2.0 * np.sqrt(_axes(600.0, 30.0)),
        "force_limit": _axes(60.0, 15.0),
        **_even_clips(0.1, 0.5),
    },
}

# Presets of tasks. The force caps, K times clip, are 30 N for precise axes and 10 N for fragile contact.
OWN: dict[str, dict[str, Any]] = {
    "guarded": {},
    "compliant": {"stiffness": _axes(300.0, 15.0), **_even_clips(0.033, 0.2), "contact_force_max": (15.0, 4.0)},
    "precise": {
        "stiffness": _axes(2000.0, 100.0),
        "filter_time_s": 0.03,
        **_even_clips(0.015, 0.1),
        "contact_force_max": (40.0, 12.0),
    },
    "pick": {"stiffness": _axes(1500.0, 60.0), **_even_clips(0.02, 0.2), "contact_force_max": (40.0, 12.0)},
    "insert": {  # stiff along the insertion axis z, compliant across it: the part aligns with its hole
        "stiffness": [800.0, 800.0, 1500.0, 30.0, 30.0, 60.0],
        **_clips([0.008, 0.008, 0.012, 0.15, 0.15, 0.1], [0.008, 0.008, 0.012, 0.15, 0.15, 0.1]),
        "contact_force_max": (25.0, 6.0),
    },
    "wipe": {  # a wrench along z, positions in the plane
        "stiffness": [1000.0, 1000.0, 0.0, 40.0, 40.0, 40.0],
        "wrench_max": [0.0, 0.0, 15.0, 0.0, 0.0, 0.0],
        **_even_clips(0.02, 0.2),
        "extra_damping": [0.0, 0.0, 150.0, 0.0, 0.0, 0.0],
        "wrench_rate_max": 100.0,
    },
    "wrench": {  # dynamic tasks: the action is a force, the orientation is held; at most 0.25 m/s in free space
        "stiffness": _axes(0.0, 40.0),
        "wrench_max": _axes(20.0, 0.0),
        **_even_clips(0.02, 0.2),
        "extra_damping": _axes(80.0, 0.0),
        "wrench_rate_max": 400.0,
    },
}

NAMES = (*OWN, *PARITY)


def preset(name: str, posture: ArrayLike, **changes: Any) -> Gains:
    """Return the gains of that name for an arm with this posture (N,); `changes` are fields of `Gains`.

    Raises:
        ValueError: an unknown name, with the known ones, or changes that do not fit.

    Example:
        >>> from controllers.law.gains import force_cap
        >>> force_cap(preset("serl", [0.0] * 7))[:3]
        array([20., 20., 20.])
    """
    if name not in NAMES:
        raise ValueError(f"preset: got {name!r}, expected one of {sorted(NAMES)}; choose one and change its fields.")
    return make_gains(posture, **((GUARDED | OWN[name] if name in OWN else PARITY[name]) | changes))
