"""Bounds of the control law, measured on the simulated arm; `--docs docs` writes table and plots of docs/control.md.

It is compared with the same law with constant damping 2 sqrt(K), and with the formulas of two other projects
(`robot_rl.bench.proof.reference_laws`). The arm has no joint friction here: all damping is the law's.
"""

from pathlib import Path
from typing import Any

import numpy as np

from controllers.arms.spec import arm_limits
from controllers.law.gains import Gains, make_gains
from controllers.law.presets import GUARDED, preset
from robot_rl.bench.proof.counts import BOUNDS, SEEN
from robot_rl.bench.proof.page import write_page
from robot_rl.bench.proof.passivity import count_energy_gains
from robot_rl.bench.proof.random_inputs import count_violations
from robot_rl.bench.proof.reference_laws import BaselineGains, crisp_torque, serl_torque
from robot_rl.bench.proof.runs import FREE, Bench, rotation_between, run_baseline
from robot_rl.sim.arm import HOME_Q

INPUTS = 1_000_000
STIFFNESS = np.array([600.0] * 3 + [30.0] * 3)
CONSTANT = 2.0 * np.sqrt(STIFFNESS)
STEP_M = 0.05
BARE: dict[str, Any] = {
    "ramp_s": 0.0, "filter_time_s": 0.0, "speed_max": np.inf, "posture_stiffness": 0.0, "force_limit": 1e3,
    "clip_lower": -0.1, "clip_upper": 0.1,
}  # fmt: skip
BASELINE = BaselineGains(STIFFNESS, CONSTANT, np.full(6, 0.1), 0.0)
DELAYS_MS = (1, 2, 3, 5, 7, 9, 11)
WALL = (30_000.0, 100.0)  # [N/m, N s/m]
STRETCHED = np.array([0.0, 0.5, 0.0, -0.5, 0.0, 1.2, np.pi / 4])

Curves = dict[str, dict[str, np.ndarray]]


def run(docs: Path | None = None) -> dict[str, Any]:
    """Return the metrics; with `docs`, write the page's table and plots there."""
    metrics, curves = bench_proof(INPUTS)
    if docs is not None:
        write_page(docs, metrics, curves)
    return metrics


def bench_proof(inputs: int) -> tuple[dict[str, Any], Curves]:
    """Return all metrics, and their curves by plot and label."""
    metrics: dict[str, Any] = stiffness_metrics()
    curves: Curves = {}
    metrics["settle_s"], curves["step"] = step_curves()
    metrics |= {f"{name}_pct": value for name, value in overshoots(curves["step"]).items()}
    metrics |= nullspace_metrics()
    curves["delay"] = {f"{delay}ms": _step(make_gains(HOME_Q, **BARE), delay=delay) for delay in DELAYS_MS}
    metrics |= {f"delay_{label}_overshoot_pct": overshoot(path) for label, path in curves["delay"].items()}
    more, curves["contact"] = contact_curves()
    metrics |= more
    more, curves["singular"] = singular_curves()
    metrics |= more
    found = count_violations(inputs)
    metrics["random_inputs"] = found["inputs"]
    metrics["bound_violations"] = sum(found[name] for name in BOUNDS)
    metrics |= {f"{name}_violations": found[name] for name in BOUNDS}
    metrics |= {f"random_{name}": found[name] for name in SEEN}
    metrics["passivity_violations"], margin = count_energy_gains(inputs)
    metrics["passivity_margin_per_s"] = round(margin, 3)
    return metrics, curves


def stiffness_metrics() -> dict[str, Any]:
    """Return the error of the displacement under 10 N and 1 N m against F / K, the worst of six axes [%]."""
    worst = 0.0
    for axis in range(6):
        bench, wrench = Bench(make_gains(HOME_Q, ramp_s=0.0), arm_limits("fer")), np.zeros(6)
        wrench[axis] = 10.0 if axis < 3 else 1.0
        p, R = bench.loop.state.p.copy(), bench.loop.state.R.copy()
        bench.run(2.5, wrench=wrench)
        moved = np.r_[bench.loop.state.p - p, rotation_between(R, bench.loop.state.R)]
        expected = wrench[axis] / STIFFNESS[axis]
        worst = max(worst, abs(moved[axis] - expected) / expected)
    return {"stiffness_error_pct": round(100.0 * worst, 3)}


def _step(gains: Gains, axis: int = 0, delay: int = 0, seconds: float = 1.5) -> np.ndarray:
    """Return the distance covered along an axis after a step of the target, as a fraction of it (T,)."""
    bench = Bench(gains, FREE)
    path = bench.run(seconds, offset=STEP_M * np.eye(3)[axis], delay=delay)["p"]
    return (path[:, axis] - bench.centre[axis]) / STEP_M


def step_curves() -> tuple[float, dict[str, np.ndarray]]:
    """Return the time after which the slowest axis stays within 2 % [s], and the steps."""
    ours = [_step(make_gains(HOME_Q, **BARE), axis) for axis in range(3)]
    constant = make_gains(HOME_Q, constant_damping=CONSTANT, **BARE)
    curves = {f"this law, {name}": path for name, path in zip("xyz", ours, strict=True)}
    curves |= {f"constant damping, {name}": _step(constant, axis) for axis, name in enumerate("xyz")}
    for label, law in (("SERL's formula", serl_torque), ("crisp's formula", crisp_torque)):
        bench = Bench(constant, FREE)
        path = run_baseline(bench, lambda now, law=law: law(now, BASELINE), 1.5, STEP_M * np.eye(3)[0], HOME_Q)  # type: ignore[misc]
        curves[f"{label}, x"] = (path[:, 0] - bench.centre[0]) / STEP_M
    settled = max(int(np.flatnonzero(abs(path - 1.0) > 0.02).max(initial=0)) for path in ours)
    return round(settled * 1e-3, 3), curves


def overshoot(path: np.ndarray) -> float:
    """Return the overshoot of a step [%]; inf when it does not settle."""
    last = path[-100:]
    if not np.isfinite(last).all() or np.ptp(last) > 0.2:
        return float("inf")
    return round(100.0 * max(float(path.max()) - 1.0, 0.0), 2)


def overshoots(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the overshoot of each law's worst axis."""
    worst = {
        "overshoot": "this law",
        "constant_damping_overshoot": "constant",
        "serl_overshoot": "SERL",
        "crisp_overshoot": "crisp",
    }
    return {
        key: max(overshoot(path) for name, path in curves.items() if name.startswith(lead))
        for key, lead in worst.items()
    }


def nullspace_metrics() -> dict[str, Any]:
    """Return the tool's motion while the posture moves two joints by 0.05 rad: this law and the kinematic projector."""
    posture = HOME_Q + np.array([0.05, 0.0, -0.05, 0.0, 0.0, 0.0, 0.0])
    bench = Bench(make_gains(posture, ramp_s=0.0), arm_limits("fer"))
    ours = bench.run(1.0)["p"] - bench.centre
    baseline = Bench(make_gains(HOME_Q), FREE)
    gains = BaselineGains(STIFFNESS, CONSTANT, np.full(6, 0.1), 10.0)
    theirs = run_baseline(baseline, lambda now: crisp_torque(now, gains), 1.0, np.zeros(3), posture) - baseline.centre
    mm = [round(1e3 * float(np.linalg.norm(path, axis=1).max()), 4) for path in (ours, theirs)]
    return {"nullspace_leak_mm": mm[0], "kinematic_nullspace_leak_mm": mm[1]}


def contact_curves() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the force on a wall 3 cm ahead, with a target 6 cm behind it: bare law, limit of 15 N, SERL clip."""
    cases = {
        "this law, 600 N/m clipped at 5 cm": make_gains(HOME_Q, ramp_s=0.0),
        "the same, contact limit of 15 N": make_gains(HOME_Q, ramp_s=0.0, contact_force_max=(15.0, 5.0)),
        "SERL's numbers, clip 10 mm": preset("serl", HOME_Q, ramp_s=0.0),
    }
    curves = {}
    for label, gains in cases.items():
        bench = Bench(gains, arm_limits("fer"))
        curves[label] = bench.run(3.0, offset=np.array([0.09, 0.0, 0.0]), wall=(bench.centre[0] + 0.03, *WALL))["force"]
    plain, yielding, _ = curves.values()
    return {
        "contact_force_n": round(float(plain[-500:].mean()), 2),
        "yielding_force_n": round(float(yielding[-500:].mean()), 2),
    }, curves


def singular_curves() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the fastest joint while the target pulls the arm straight beyond its reach, without and with guards."""
    curves, metrics = {}, {}
    for name, label, options in (
        ("", "walls, slowing and damping", GUARDED | {"start_checks": False}),
        ("_bare", "the floor under Lambda alone", {}),
    ):
        bench = Bench(make_gains(STRETCHED, ramp_s=0.0, **options), arm_limits("fer"), STRETCHED)
        curves[label] = bench.run(4.0, offset=np.array([0.4, 0.1, 0.2]))["speed"]
        metrics[f"singular_speed{name}_rad_per_s"] = round(float(curves[label].max()), 3)
    return metrics, curves
