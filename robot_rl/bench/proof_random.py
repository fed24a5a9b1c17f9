"""Random states and targets, a million of them: no bound of the law may break, and no damping may feed energy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from controllers.arm import KNOWN_ARMS, ArmDynamics, ArmLimits, ArmState, Mode, Target
from controllers.compilation import compiled
from controllers.gains import Gains, force_cap, make_gains
from controllers.loop import LoopState, activate, tick
from controllers.presets import guarded_extras, preset
from robot_rl.bench.arm import N
from robot_rl.bench.proof_runs import FREE, Bench
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.stepping import refresh_model

LIMITS = KNOWN_ARMS["fer"]
EPS = 1e-9
BOX: dict[str, Any] = {"workspace_lower": (0.2, -0.4, 0.0), "workspace_upper": (0.7, 0.4, 0.7)}
DT_MAX_S = 0.010


def random_settings() -> list[Gains]:
    """The gains that are tried: everything on, bare, all but what would give way, operational space, forces as actions.

    Random states look like violent contact: an arm that yields to it, or whose energy account is empty, drives nothing
    and cannot break a bound. So only the first has these two on.
    """
    firm = {"start_checks": False, "contact_force_max": np.inf, "energy_max_j": np.inf}
    everything = guarded_extras(N, start_checks=False, cone_rad=0.4, fence_margin_rad=0.2, gain_time_s=0.02)
    on_edge = guarded_extras(N, cone_rad=0.4, fence_margin_rad=0.2, **firm)
    operational = guarded_extras(N, operational_space=True, **firm)
    return [
        preset("guarded", HOME_Q, extras=everything, **BOX),
        preset("hil_serl_ram", HOME_Q, **BOX),
        preset(
            "precise", HOME_Q, wrench_max=5.0, filter_time_s=0.0, ramp_s=0.0, force_limit=1e3, extras=on_edge, **BOX
        ),
        make_gains(HOME_Q, stiffness=200.0, force_limit=40.0, extras=operational, **BOX),
        preset("wrench", HOME_Q, extras=guarded_extras(N, extra_damping=80.0, **firm), **BOX),
    ]


def count_violations(inputs: int, seed: int = 0) -> dict[str, int]:
    """`bound_violations` and the inputs tried, over all of `random_settings`; and how many ticks followed a target."""
    found = np.zeros(5, np.int64)
    settings = random_settings()
    for gains in settings:
        bench = Bench(gains, LIMITS)
        law = (bench.state, bench.dynamics, bench.target, gains, bench.limits, bench.memory, bench.tau)
        each = -(-inputs // len(settings))
        try_random(*(*bench.of_model, *law, force_cap(gains), each, seed, found))
    names = ("torque", "torque_rate", "force", "reference", "following")
    return dict(zip(names, found.tolist(), strict=True)) | {"inputs": each * len(settings)}


@compiled
def _draw(state: ArmState, limits: ArmLimits, wild: float) -> None:
    """Joint positions up to a tenth beyond the stops, speeds up to `wild` times the limit, any torque within limits."""
    for i in range(state.q.shape[0]):
        span = limits.q_upper[i] - limits.q_lower[i]
        state.q[i] = limits.q_lower[i] + span * np.random.uniform(-0.1, 1.1)
        state.dq[i] = wild * limits.dq_max[i] * np.random.uniform(-1.0, 1.0)
        state.tau[i] = limits.tau_max[i] * np.random.uniform(-1.2, 1.2)


@compiled
def _draw_target(target: Target, now_s: float) -> None:
    """Anywhere within 2 m, any orientation; one in eight is broken in some way."""
    for i in range(3):
        target.p[i] = np.random.uniform(-2.0, 2.0)
    for i in range(4):
        target.quat_xyzw[i] = np.random.normal()
    q = target.quat_xyzw
    norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    for i in range(4):
        q[i] /= norm
    for i in range(6):
        target.twist[i], target.wrench[i] = np.random.normal(), 50.0 * np.random.normal()
    target.stamp_s[0] = now_s
    broken = np.random.randint(0, 48)
    if broken == 0:
        target.p[np.random.randint(0, 3)] = np.nan
    elif broken == 1:
        target.quat_xyzw[:] *= np.random.uniform(0.0, 3.0)
    elif broken == 2:
        target.wrench[np.random.randint(0, 6)] = np.inf
    elif broken == 3:
        target.stamp_s[0] = now_s + np.random.uniform(-2.0, 2.0)
    elif broken == 4:
        target.twist[np.random.randint(0, 6)] = -np.inf
    elif broken == 5:
        target.p[:] *= 1e6


@compiled
def try_random(
    model_address: int, data_address: int, anchors: np.ndarray, axes: np.ndarray, row_of_dof: np.ndarray,
    inertia: np.ndarray, bias: np.ndarray, state: ArmState, dynamics: ArmDynamics, target: Target, gains: Gains,
    limits: ArmLimits, memory: LoopState, tau: np.ndarray, cap: np.ndarray, inputs: int, seed: int, found: np.ndarray,
) -> None:  # fmt: skip
    """Count in `found`: torque, torque rate, force and reference out of bounds; ticks that followed a goal."""
    np.random.seed(seed)
    own, now_s = memory[0], 0.0
    for _ in range(inputs):
        if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
            activate(memory)
        dt_s = np.random.uniform(0.0001, 0.02)
        now_s += dt_s
        _draw(state, limits, np.random.uniform(0.0, 1.5))
        _draw_target(target, now_s)
        refresh_model(model_address, data_address, anchors, axes, row_of_dof, inertia, bias, state.p, dynamics)
        tick(state, dynamics, target, gains, limits, memory, dt_s, now_s, tau)
        bad_torque, bad_rate, bad_force = False, False, False
        for i in range(tau.shape[0]):
            anchor = min(max(state.tau[i], -limits.tau_max[i]), limits.tau_max[i])
            step = limits.tau_rate_max[i] * min(dt_s, DT_MAX_S)
            bad_torque = bad_torque or not abs(tau[i]) <= limits.tau_max[i] + EPS
            bad_rate = bad_rate or not abs(tau[i] - anchor) <= step + EPS
        found[0] += bad_torque
        found[1] += bad_rate
        if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
            continue
        for i in range(6):
            drive = own.work.wrench[i] + own.work.drag[i]
            bad_force = bad_force or not abs(drive) <= cap[i] * (1.0 + EPS) + EPS
        found[2] += bad_force
        found[4] += 1
        outside = False
        for i in range(3):  # a held pose may lie outside: the goal of a target may not
            inside = gains.workspace_lower[i] - EPS <= own.goal.p[i] <= gains.workspace_upper[i] + EPS
            outside = outside or (
                not inside and own.mode == Mode.ACTIVE.value and own.goal.stamp_s == target.stamp_s[0]
            )
        found[3] += outside


def count_energy_gains(inputs: int, seed: int = 1) -> tuple[int, float]:
    """Among random states with a resting target: how many torques feed the motion more than the spring gives back, and
    the weakest damping that was found, as a rate [1/s] of the kinetic energy.
    """
    gains = make_gains(HOME_Q, ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf, posture_stiffness=0.0,
                       posture_damping=2.0, damping_refresh_ticks=0)  # fmt: skip
    bench = Bench(gains, FREE._replace(q_lower=LIMITS.q_lower, q_upper=LIMITS.q_upper))
    law = (bench.state, bench.dynamics, bench.target, gains, bench.limits, bench.memory, bench.tau)
    found, weakest = np.zeros(1, np.int64), np.full(1, np.inf)
    feed_energy(*(*bench.of_model, *law, inputs, seed, found, weakest))
    return int(found[0]), float(weakest[0])


@compiled
def feed_energy(
    model_address: int, data_address: int, anchors: np.ndarray, axes: np.ndarray, row_of_dof: np.ndarray,
    inertia: np.ndarray, bias: np.ndarray, state: ArmState, dynamics: ArmDynamics, target: Target, gains: Gains,
    limits: ArmLimits, memory: LoopState, tau: np.ndarray, inputs: int, seed: int, found: np.ndarray,
    weakest: np.ndarray,
) -> None:  # fmt: skip
    """Power of the law beyond its spring: dq . (tau - tau_own) - F_spring . V, which must not be positive."""
    np.random.seed(seed)
    own, now_s = memory[0], 0.0
    for _ in range(inputs):
        now_s += 0.001
        for i in range(tau.shape[0]):
            span = limits.q_upper[i] - limits.q_lower[i]
            state.q[i] = limits.q_lower[i] + span * np.random.uniform(0.0, 1.0)
            state.dq[i] = np.random.normal()
        refresh_model(model_address, data_address, anchors, axes, row_of_dof, inertia, bias, state.p, dynamics)
        for i in range(3):
            target.p[i] = state.p[i] + 0.1 * np.random.normal()
        target.stamp_s[0] = now_s
        own.refresh_in = 0
        tick(state, dynamics, target, gains, limits, memory, 0.001, now_s, tau)
        power, kinetic = 0.0, 0.0
        for i in range(tau.shape[0]):
            power += state.dq[i] * (tau[i] - own.work.tau_own[i])
            for j in range(tau.shape[0]):
                kinetic += 0.5 * state.dq[i] * dynamics.M[i, j] * state.dq[j]
        for i in range(6):
            power -= own.work.spring[i] * own.work.twist[i]
        found[0] += power > 1e-9
        weakest[0] = min(weakest[0], -power / kinetic)
