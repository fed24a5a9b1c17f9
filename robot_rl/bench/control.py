"""How long one tick of the control law takes, on the simulated arm.

`tick_us` is what a host written in Python sees: model terms from MuJoCo, the call and the law. `call_us` leaves the
model terms out. `law_us` is the law inside compiled code, as the simulator runs it, a mean over 100 ticks. The first
call may compile; `first_call_s` says how long that took.
"""

from __future__ import annotations

import gc
import time
from typing import Any

import mujoco
import numpy as np

from controllers.arm import KNOWN_ARMS, ArmDynamics, ArmLimits, ArmState, Mode, Target
from controllers.compilation import compiled
from controllers.gains import Gains, make_gains
from controllers.geometry import FloatArray, quat_from_matrix
from controllers.loop import LoopState, look, make_loop_state, tick
from robot_rl.bench.timing import percentiles, time_calls
from robot_rl.sim.arm import HOME_Q, add_arm

N = 7
DT_S = 0.001
TICKS_PER_BATCH = 100


class Host:
    """A Python host of the tick at rest: refreshes the model terms and asks for a torque."""

    def __init__(self) -> None:
        spec = mujoco.MjSpec()
        add_arm(spec)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:N] = HOME_Q
        self.site = self.model.site("tcp").id
        nv = self.model.nv
        self.jacobian, self.inertia = np.zeros((6, nv)), np.zeros((nv, nv))
        self.state = ArmState(np.zeros(N), np.zeros(N), np.zeros(N), np.zeros(3), np.eye(3))
        self.dynamics = ArmDynamics(np.zeros((6, N)), np.zeros((N, N)), np.zeros(N), np.zeros(N))
        self.refresh_model()
        quat = np.array(quat_from_matrix(self.state.R))
        offset = np.array([0.01, 0.0, -0.01])
        self.target = Target(self.state.p + offset, quat, np.zeros(6), np.zeros(6), np.zeros(1))
        self.memory, self.tau, self.now_s = make_loop_state(N), np.zeros(N), 0.0
        gains, limits = make_gains(HOME_Q), KNOWN_ARMS["fer"]
        self.arguments = (self.state, self.dynamics, self.target, gains, limits, self.memory, self.tau)

    def refresh_model(self) -> None:
        """Kinematics, Jacobian, inertia and bias torques at the present state."""
        model, data = self.model, self.data
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_makeM(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_rne(model, data, 0, data.qfrc_bias)
        mujoco.mj_jacSite(model, data, self.jacobian[:3], self.jacobian[3:], self.site)
        mujoco.mj_fullM(model, self.inertia, data.qM)
        self._copy()

    def _copy(self) -> None:
        data, state, dynamics = self.data, self.state, self.dynamics
        state.q[:], state.dq[:] = data.qpos[:N], data.qvel[:N]
        state.p[:], state.R[:] = data.site_xpos[self.site], data.site_xmat[self.site].reshape(3, 3)
        dynamics.J[:], dynamics.M[:] = self.jacobian[:, :N], self.inertia[:N, :N]
        dynamics.coriolis[:] = data.qfrc_bias[:N]

    def law(self) -> int:
        """One tick on the model terms at hand."""
        self.now_s += DT_S
        self.target.stamp_s[0] = self.now_s
        return tick(*self.arguments[:-1], DT_S, self.now_s, self.tau)

    def tick(self) -> int:
        """One whole control cycle."""
        self.refresh_model()
        return self.law()


@compiled
def repeat_tick(
    ticks: int,
    start_s: float,
    state: ArmState,
    dynamics: ArmDynamics,
    target: Target,
    gains: Gains,
    limits: ArmLimits,
    memory: LoopState,
    tau: FloatArray,
) -> float:
    """Run ticks on a fresh target each, without returning to Python; returns the time after them [s]."""
    for k in range(ticks):
        now_s = start_s + k * DT_S
        target.stamp_s[0] = now_s
        tick(state, dynamics, target, gains, limits, memory, DT_S, now_s, tau)
    return start_s + ticks * DT_S


def bench_control(calls: int = 5000, batches: int = 200) -> dict[str, Any]:
    """Return tick times [us], and how long the first call took [s]."""
    host = Host()
    start = time.perf_counter()
    host.tick()
    first_call_s = time.perf_counter() - start

    def batch() -> None:
        host.now_s = repeat_tick(TICKS_PER_BATCH, host.now_s, *host.arguments)

    if look(host.memory).mode != Mode.ACTIVE:
        raise RuntimeError(
            f"control benchmark: got mode {look(host.memory).mode}, expected ACTIVE; a fault is not the law."
        )
    batch()
    gc.disable()  # as in a control process
    try:
        full_s, call_s = time_calls(host.tick, calls), time_calls(host.law, calls)
        law_s = time_calls(batch, batches) / TICKS_PER_BATCH
    finally:
        gc.enable()
    figures = percentiles("tick_us", full_s, 1e6) | percentiles("call_us", call_s, 1e6)
    return figures | percentiles("law_us", law_s, 1e6) | {"first_call_s": round(first_call_s, 2)}


def run() -> dict[str, Any]:
    """The benchmark `control`."""
    return bench_control()
