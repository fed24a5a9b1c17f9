"""Closed loops of the simulated arm at 1 kHz: under the tick, in compiled code, or under a baseline's law."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from controllers.arm import ArmLimits
from controllers.compilation import compiled
from controllers.geometry import FloatArray, quat_from_matrix, rotation_error
from controllers.law.gains import Gains
from controllers.law.tick import ControlLoop, make_controller_state, tick
from robot_rl.bench.arm import DT_S, ArmInLoop, N
from robot_rl.bench.proof.reference_laws import Situation
from robot_rl.sim.stepping import ModelViews, refresh_model, step_physics

INF = np.full(N, np.inf)
FREE = ArmLimits(-INF, INF, INF, np.full(N, 1e6), np.full(N, 1e12))  # limits that never act


class Bench(ArmInLoop):
    """The arm without joint friction, so that all damping is the law's; at `q` where given."""

    def __init__(self, gains: Gains, limits: ArmLimits, q: FloatArray | None = None) -> None:
        super().__init__()
        self.model.dof_damping[:] = 0.0
        self.loop = self.loop._replace(gains=gains, limits=limits)
        self.stand(self.loop.state.q.copy() if q is None else q)

    def stand(self, q: FloatArray) -> None:
        """Place the arm at rest, with gravity in its command and the target at its pose."""
        state, target = self.loop.state, self.loop.target
        self.data.qpos[:N], self.data.qvel[:] = q, 0.0
        refresh_model(self.views, state.p, self.loop.dynamics)
        state.tau[:] = self.loop.dynamics.coriolis
        self.centre[:] = target.p[:] = state.p
        target.quat_xyzw[:] = quat_from_matrix(state.R)
        self.data.qfrc_applied[:] = 0.0
        self.loop, self.now_s = self.loop._replace(memory=make_controller_state(N)), 0.0

    def run(
        self, seconds: float, offset: FloatArray | None = None, wrench: FloatArray | None = None, delay: int = 0,
        wall: tuple[float, float, float] = (np.inf, 0.0, 0.0),
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Close the loop; `wall` is (x, N/m, N s/m). Returns `p` (T, 3), `tau` (T, N), `force` (T,), `speed` (T,)."""
        steps = round(seconds / DT_S)
        self.loop.target.p[:] = self.centre + (np.zeros(3) if offset is None else offset)
        outside = np.zeros(6) if wrench is None else wrench
        world = World(self.data.qfrc_applied, outside, np.array(wall), np.tile(self.loop.state.tau, (delay + 1, 1)))
        out = Recording(np.zeros((steps, 3)), np.zeros((steps, N)), np.zeros(steps), np.zeros(steps))
        self.now_s = close_loop(self.views, self.loop, world, self.now_s, out)
        return out._asdict()


class World(NamedTuple):
    """External forces on the arm."""

    applied: np.ndarray  # (nv,) MuJoCo's own
    wrench: np.ndarray  # (6,) on the TCP
    wall: np.ndarray  # (3,) x [m], [N/m], [N s/m]
    pipe: np.ndarray  # (delay + 1, N) commands on their way


class Recording(NamedTuple):
    """Trace of a closed loop."""

    p: np.ndarray  # (T, 3)
    tau: np.ndarray  # (T, N)
    force: np.ndarray  # (T,) on the wall
    speed: np.ndarray  # (T,) of the fastest joint


@compiled
def close_loop(views: ModelViews, loop: ControlLoop, world: World, now_s: float, out: Recording) -> float:
    """Tick and integrate with a fresh target each time; the command of tick k acts `len(pipe) - 1` ticks later."""
    state, J, tau, wall, pipe = loop.state, loop.dynamics.J, loop.tau, world.wall, world.pipe
    joints, slots = tau.shape[0], pipe.shape[0]
    for k in range(out.p.shape[0]):
        refresh_model(views, state.p, loop.dynamics)
        loop.target.stamp_s[0] = now_s
        tick(loop, DT_S, now_s)
        now_s += DT_S
        speed, fastest = 0.0, 0.0
        for i in range(joints):
            pipe[k % slots, i] = tau[i]
            speed += J[0, i] * state.dq[i]
            fastest = max(fastest, abs(state.dq[i]))
        depth = state.p[0] - wall[0]
        force = max(0.0, wall[1] * depth + wall[2] * speed) if depth > 0.0 else 0.0
        for i in range(joints):
            acting = pipe[(k + 1) % slots, i]
            views.ctrl[i], state.tau[i] = acting, acting
            push = -J[0, i] * force
            for j in range(6):
                push += J[j, i] * world.wrench[j]
            world.applied[i] = push
        step_physics(views)
        out.tau[k], out.p[k] = tau, state.p
        out.force[k], out.speed[k] = force, fastest
    return now_s


def run_baseline(
    bench: Bench, law: Callable[[Situation], np.ndarray], seconds: float, offset: FloatArray, posture: FloatArray
) -> np.ndarray:
    """Close the loop with another project's law for a step of the target; positions (T, 3)."""
    state, dynamics, path = bench.loop.state, bench.loop.dynamics, []
    goal, quat = bench.centre + offset, np.array(quat_from_matrix(state.R))
    for _ in range(round(seconds / DT_S)):
        refresh_model(bench.views, state.p, dynamics)
        error = np.r_[goal - state.p, rotation_error(quat_from_matrix(state.R), quat)]
        now = Situation(state.q, state.dq, dynamics.J, dynamics.coriolis, error, posture)
        bench.data.ctrl[:N] = law(now)
        step_physics(bench.views)
        path.append(state.p.copy())
    return np.array(path)


def rotation_between(R_before: np.ndarray, R_after: np.ndarray) -> np.ndarray:
    """Rotation vector (3,) [rad] from one orientation to the other, base frame."""
    return np.array(rotation_error(quat_from_matrix(R_before), quat_from_matrix(R_after)))
