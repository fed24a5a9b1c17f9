"""The arm that the control benchmarks move: MuJoCo and the tick in one compiled loop, each cycle timed by itself."""

from __future__ import annotations

import mujoco
import numpy as np

from controllers.arm import KNOWN_ARMS, ArmDynamics, ArmLimits, ArmState, Target
from controllers.compilation import compiled
from controllers.geometry import quat_from_matrix
from controllers.host.monotonic import make_timespec, monotonic_ns
from controllers.law.gains import Gains
from controllers.law.presets import preset
from controllers.law.tick import LoopState, make_loop_state, tick
from robot_rl.sim.arm import HOME_Q, add_arm
from robot_rl.sim.stepping import refresh_model, step_physics

N = 7
DT_S = 0.001
RADIUS_M = 0.03


class ArmInLoop:
    """The tick on the simulated arm, with the tick's tuples bound to MuJoCo's own arrays.

    `name`: the preset. "guarded" has everything on, "crisp" is the bare law.
    """

    def __init__(self, name: str = "guarded") -> None:
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
        gains, limits = preset(name, HOME_Q), KNOWN_ARMS["fer"]
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
