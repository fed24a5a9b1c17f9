"""Closed loops for the proof: the simulated arm at 1 kHz under the tick, in compiled code; or under a rival's law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Target
from controllers.compilation import compiled
from controllers.geometry import FloatArray, quat_from_matrix, rotation_error
from controllers.law.gains import Gains
from controllers.law.tick import LoopState, make_loop_state, tick
from robot_rl.bench.arm import DT_S, ArmInLoop, N
from robot_rl.bench.proof.reference_laws import Situation
from robot_rl.sim.stepping import refresh_model, step_physics

INF = np.full(N, np.inf)
FREE = ArmLimits(-INF, INF, INF, np.full(N, 1e6), np.full(N, 1e12))  # limits that never act


class Bench(ArmInLoop):
    """The arm without joint friction, so that all damping is the law's; at `q` where given."""

    def __init__(self, gains: Gains, limits: ArmLimits, q: FloatArray | None = None) -> None:
        super().__init__()
        self.model.dof_damping[:] = 0.0
        self.gains, self.limits = gains, limits
        self.stand(self.state.q.copy() if q is None else q)

    def stand(self, q: FloatArray) -> None:
        """Put the arm there, at rest, its command carrying its weight, the target on it."""
        self.data.qpos[:N], self.data.qvel[:] = q, 0.0
        refresh_model(*(*self.of_model, self.state.p, self.dynamics))
        self.state.tau[:] = self.dynamics.coriolis
        self.centre[:] = self.target.p[:] = self.state.p
        self.target.quat_xyzw[:] = quat_from_matrix(self.state.R)
        self.data.qfrc_applied[:] = 0.0
        self.memory, self.now_s = make_loop_state(N), 0.0

    def run(
        self, seconds: float, offset: FloatArray | None = None, wrench: FloatArray | None = None, delay: int = 0,
        wall: tuple[float, float, float] = (np.inf, 0.0, 0.0),
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Close the loop; `wall` is (x, N/m, N s/m). Returns `p` (T, 3), `tau` (T, N), `force` (T,), `speed` (T,)."""
        steps = round(seconds / DT_S)
        out = {
            "p": np.zeros((steps, 3)),
            "tau": np.zeros((steps, N)),
            "force": np.zeros(steps),
            "speed": np.zeros(steps),
        }
        self.target.p[:] = self.centre + (np.zeros(3) if offset is None else offset)
        law = (self.state, self.dynamics, self.target, self.gains, self.limits, self.memory, self.tau)
        world = (self.data.ctrl, self.data.qfrc_applied, np.zeros(6) if wrench is None else wrench, np.array(wall))
        pipe = np.tile(self.state.tau, (delay + 1, 1))
        self.now_s = close_loop(*(*self.of_model, *law, *world, pipe, self.now_s, *out.values()))
        return out


@compiled
def close_loop(
    model_address: int, data_address: int, anchors: np.ndarray, axes: np.ndarray, row_of_dof: np.ndarray,
    inertia: np.ndarray, bias: np.ndarray, state: ArmState, dynamics: ArmDynamics, target: Target, gains: Gains,
    limits: ArmLimits, memory: LoopState, tau: np.ndarray, ctrl: np.ndarray, applied: np.ndarray, wrench: np.ndarray,
    wall: np.ndarray, pipe: np.ndarray, now_s: float, p_out: np.ndarray, tau_out: np.ndarray, force_out: np.ndarray,
    speed_out: np.ndarray,
) -> float:  # fmt: skip
    """Tick and integrate with a fresh target each time; the command of tick k acts `len(pipe) - 1` ticks later."""
    joints, slots = tau.shape[0], pipe.shape[0]
    for k in range(p_out.shape[0]):
        refresh_model(model_address, data_address, anchors, axes, row_of_dof, inertia, bias, state.p, dynamics)
        target.stamp_s[0] = now_s
        tick(state, dynamics, target, gains, limits, memory, DT_S, now_s, tau)
        now_s += DT_S
        speed, fastest = 0.0, 0.0
        for i in range(joints):
            pipe[k % slots, i] = tau[i]
            speed += dynamics.J[0, i] * state.dq[i]
            fastest = max(fastest, abs(state.dq[i]))
        depth = state.p[0] - wall[0]
        force = max(0.0, wall[1] * depth + wall[2] * speed) if depth > 0.0 else 0.0
        for i in range(joints):
            acting = pipe[(k + 1) % slots, i]
            ctrl[i], state.tau[i] = acting, acting
            push = -dynamics.J[0, i] * force
            for j in range(6):
                push += dynamics.J[j, i] * wrench[j]
            applied[i] = push
        step_physics(model_address, data_address)
        for i in range(joints):
            tau_out[k, i] = tau[i]
        for i in range(3):
            p_out[k, i] = state.p[i]
        force_out[k], speed_out[k] = force, fastest
    return now_s


def run_rival(
    bench: Bench, law: Callable[[Situation], np.ndarray], seconds: float, offset: FloatArray, posture: FloatArray
) -> np.ndarray:
    """Close the loop with a rival's law for a step of the target; positions (T, 3)."""
    state, dynamics, path = bench.state, bench.dynamics, []
    goal, quat = bench.centre + offset, np.array(quat_from_matrix(state.R))
    for _ in range(round(seconds / DT_S)):
        refresh_model(*(*bench.of_model, state.p, dynamics))
        error = np.r_[goal - state.p, rotation_error(quat_from_matrix(state.R), quat)]
        now = Situation(state.q, state.dq, dynamics.J, dynamics.coriolis, error, posture)
        bench.data.ctrl[:N] = law(now)
        step_physics(*bench.of_model[:2])
        path.append(state.p.copy())
    return np.array(path)


def rotation_between(R_before: np.ndarray, R_after: np.ndarray) -> np.ndarray:
    """Rotation vector (3,) [rad] from one orientation to the other, base frame."""
    return np.array(rotation_error(quat_from_matrix(R_before), quat_from_matrix(R_after)))


Figures = dict[str, Any]
