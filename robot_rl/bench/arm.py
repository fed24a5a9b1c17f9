"""Arm of the control benchmarks: MuJoCo and the tick in one compiled loop, each cycle timed separately."""

import mujoco
import numpy as np

from controllers.arm import ArmDynamics, ArmState, no_target
from controllers.arms.spec import arm_limits
from controllers.compilation import compiled
from controllers.geometry import quat_from_matrix
from controllers.host.monotonic import make_timespec, monotonic_ns
from controllers.law.presets import preset
from controllers.law.tick import ControlLoop, make_controller_state, tick
from robot_rl.sim.arm import HOME_Q, add_arm
from robot_rl.sim.stepping import ModelViews, apply_command, refresh_model, step_physics, view_model

N = 7
DT_S = 0.001
RADIUS_M = 0.03


class ArmInLoop:
    """The tick on the simulated arm, with the tick's tuples bound to MuJoCo's own arrays.

    `name`: the preset. "guarded" has all options on, "crisp" is the bare law.
    """

    def __init__(self, name: str = "guarded") -> None:
        self.model = _arm_model()
        self.data = data = mujoco.MjData(self.model)
        data.qpos[:N] = HOME_Q
        mujoco.mj_forward(self.model, data)
        site = self.model.site("tcp").id
        p, R = data.site_xpos[site], data.site_xmat[site].reshape(3, 3)
        state = ArmState(data.qpos[:N], data.qvel[:N], data.qfrc_bias[:N].copy(), p, R)
        bias = data.qfrc_bias[:N]  # Coriolis and gravity in one
        dynamics = ArmDynamics(np.zeros((6, N)), np.zeros((N, N)), bias, np.zeros(N))
        target = no_target()
        target.p[:], target.quat_xyzw[:] = p, quat_from_matrix(R)
        self.now_s, self.centre = 0.0, p.copy()
        self.views = view_model(self.model, data, N)
        gains, limits = preset(name, HOME_Q), arm_limits("fer")
        self.loop = ControlLoop(state, dynamics, target, gains, limits, make_controller_state(N), np.zeros(N))

    def law(self) -> int:
        """Run one tick on the present model terms."""
        self.now_s += DT_S
        self.loop.target.stamp_s[0] = self.now_s
        return tick(self.loop, DT_S, self.now_s)

    def tick(self) -> int:
        """Run one whole control cycle, its parts called from Python."""
        refresh_model(self.views, self.loop.state.p, self.loop.dynamics)
        return self.law()

    def follow_circle(self, ticks: int) -> tuple[np.ndarray, np.ndarray]:
        """Close the loop for `ticks`; return durations [s] of whole cycles and of the ticks in them, (ticks,) each."""
        cycle_ns, law_ns = np.zeros(ticks, np.int64), np.zeros(ticks, np.int64)
        self.now_s = time_cycles(self.views, self.loop, self.centre, self.now_s, make_timespec(), cycle_ns, law_ns)
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
    views: ModelViews, loop: ControlLoop, centre: np.ndarray, now_s: float, timespec: np.ndarray,
    cycle_ns: np.ndarray, law_ns: np.ndarray,
) -> float:  # fmt: skip
    """Follow a circle with a fresh target each tick and time each cycle without physics and target.

    Returns the time after the last tick [s].
    """
    state, target = loop.state, loop.target
    for k in range(cycle_ns.shape[0]):
        now_s += DT_S
        target.stamp_s[0] = now_s
        target.p[0] = centre[0] + RADIUS_M * np.sin(2 * np.pi * now_s)
        target.p[1] = centre[1] + RADIUS_M * np.cos(2 * np.pi * now_s)
        start_ns = monotonic_ns(timespec)
        refresh_model(views, state.p, loop.dynamics)
        model_ns = monotonic_ns(timespec)
        tick(loop, DT_S, now_s)
        end_ns = monotonic_ns(timespec)
        cycle_ns[k], law_ns[k] = end_ns - start_ns, end_ns - model_ns
        apply_command(views, loop)
        step_physics(views)
    return now_s
