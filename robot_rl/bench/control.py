"""How long one tick of the control law takes, on the simulated arm.

`tick_us` is one whole cycle in compiled code, as simulator and host run it: model terms from MuJoCo, then the tick;
each cycle is timed by itself, while the arm follows a circle, under SCHED_FIFO where that is permitted (`realtime`).
`law_us` leaves the model terms out. `python_tick_us` is what a host written in Python sees, `python_call_us` the same
without model terms. The first call may compile; `first_call_s` says how long that took.
"""

from __future__ import annotations

import time
from typing import Any

import mujoco
import numpy as np

from controllers.arm import KNOWN_ARMS, ArmDynamics, ArmLimits, ArmState, Mode, Target
from controllers.compilation import compiled
from controllers.gains import Gains, make_gains
from controllers.geometry import quat_from_matrix
from controllers.loop import LoopState, look, make_loop_state, tick
from controllers.monotonic import make_timespec, monotonic_ns
from controllers.realtime import realtime
from robot_rl.bench.timing import percentiles, time_calls
from robot_rl.sim.arm import HOME_Q, add_arm
from robot_rl.sim.stepping import refresh_model, step_physics

N = 7
DT_S = 0.001
RADIUS_M = 0.03
PERCENTILES = (50, 99, 99.9)


class Host:
    """A host of the tick on the simulated arm, with the tick's tuples bound to MuJoCo's own arrays."""

    def __init__(self) -> None:
        self.model = _arm_model()
        self.data = data = mujoco.MjData(self.model)
        data.qpos[:N] = HOME_Q
        mujoco.mj_forward(self.model, data)
        site = self.model.site("tcp").id
        p, R = data.site_xpos[site], data.site_xmat[site].reshape(3, 3)
        self.state = ArmState(data.qpos[:N], data.qvel[:N], data.qfrc_bias[:N].copy(), p, R)
        bias = data.qfrc_bias[:N]  # Coriolis and gravity in one
        self.dynamics = ArmDynamics(np.zeros((6, N)), np.zeros((N, N)), bias, np.zeros(N))
        quat = np.array(quat_from_matrix(R))
        self.target = Target(p.copy(), quat, np.zeros(6), np.zeros(6), np.zeros(1))
        self.memory, self.tau, self.now_s = make_loop_state(N), np.zeros(N), 0.0
        self.centre = p.copy()
        addresses, views = (self.model._address, data._address), (data.xanchor[:N], data.xaxis[:N])
        self.of_model = (*addresses, *views, self.model.dof_Madr[:N], data.qM, data.qfrc_bias)
        gains, limits = make_gains(HOME_Q), KNOWN_ARMS["fer"]
        self.of_law = (self.state, self.dynamics, self.target, gains, limits, self.memory)

    def law(self) -> int:
        """One tick on the model terms at hand."""
        self.now_s += DT_S
        self.target.stamp_s[0] = self.now_s
        return tick(*(*self.of_law, DT_S, self.now_s, self.tau))

    def tick(self) -> int:
        """One whole control cycle, its parts called from Python."""
        refresh_model(*(*self.of_model, self.state.p, self.dynamics))
        return self.law()

    def follow_circle(self, ticks: int) -> tuple[np.ndarray, np.ndarray]:
        """Close the loop for so many ticks; durations [s] of whole cycles and of the ticks in them, (ticks,) each."""
        cycle_ns, law_ns = np.zeros(ticks, np.int64), np.zeros(ticks, np.int64)
        books = (self.now_s, make_timespec(), cycle_ns, law_ns)
        self.now_s = time_cycles(*(*self.of_model, *self.of_law, self.tau, self.data.ctrl, self.centre, *books))
        return cycle_ns * 1e-9, law_ns * 1e-9


def _arm_model() -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = DT_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    add_arm(spec)
    return spec.compile()


@compiled
def time_cycles(
    model_address: int,
    data_address: int,
    anchors: np.ndarray,
    axes: np.ndarray,
    row_of_dof: np.ndarray,
    inertia: np.ndarray,
    bias: np.ndarray,
    state: ArmState,
    dynamics: ArmDynamics,
    target: Target,
    gains: Gains,
    limits: ArmLimits,
    memory: LoopState,
    tau: np.ndarray,
    ctrl: np.ndarray,
    centre: np.ndarray,
    now_s: float,
    timespec: np.ndarray,
    cycle_ns: np.ndarray,
    law_ns: np.ndarray,
) -> float:
    """Follow a circle with a fresh target each tick and time each cycle by itself; physics and target do not count.

    Returns the time after the last tick [s].
    """
    for k in range(cycle_ns.shape[0]):
        now_s += DT_S
        target.stamp_s[0] = now_s
        target.p[0] = centre[0] + RADIUS_M * np.sin(2 * np.pi * now_s)
        target.p[1] = centre[1] + RADIUS_M * np.cos(2 * np.pi * now_s)
        start_ns = monotonic_ns(timespec)
        refresh_model(model_address, data_address, anchors, axes, row_of_dof, inertia, bias, state.p, dynamics)
        model_ns = monotonic_ns(timespec)
        tick(state, dynamics, target, gains, limits, memory, DT_S, now_s, tau)
        end_ns = monotonic_ns(timespec)
        cycle_ns[k], law_ns[k] = end_ns - start_ns, end_ns - model_ns
        for i in range(tau.shape[0]):
            ctrl[i] = tau[i]
            state.tau[i] = tau[i]
        step_physics(model_address, data_address)
    return now_s


def bench_control(ticks: int = 50_000, calls: int = 3000) -> dict[str, Any]:
    """Return tick times [us], and how long the first call took [s]."""
    host = Host()
    start = time.perf_counter()
    host.follow_circle(1)
    first_call_s = time.perf_counter() - start
    with realtime() as granted:
        host.follow_circle(1000)  # caches and clock speed settle
        cycle_s, law_s = host.follow_circle(ticks)
        _check_active(host)
        python_s, call_s = time_calls(host.tick, calls), time_calls(host.law, calls)
    return {
        **percentiles("tick_us", cycle_s, 1e6, PERCENTILES),
        **percentiles("law_us", law_s, 1e6, PERCENTILES),
        **percentiles("python_tick_us", python_s, 1e6),
        **percentiles("python_call_us", call_s, 1e6),
        "ticks": ticks,
        "realtime": granted.fifo,
        "first_call_s": round(first_call_s, 2),
    }


def _check_active(host: Host) -> None:
    mode = Mode(look(host.memory).mode)
    if mode != Mode.ACTIVE:
        raise RuntimeError(f"control benchmark: got mode {mode.name}, expected ACTIVE; a fault is not the law.")


def run() -> dict[str, Any]:
    """The benchmark `control`."""
    return bench_control()
