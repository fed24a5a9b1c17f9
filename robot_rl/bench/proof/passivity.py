"""Passivity over a million random states with a resting target: no damping of the law may add energy."""

import numpy as np

from controllers.compilation import compiled
from controllers.law.gains import make_gains
from controllers.law.tick import ControlLoop, tick
from robot_rl.bench.proof.runs import FREE, Bench
from robot_rl.bench.proof.settings import LIMITS
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.stepping import ModelViews, refresh_model


def count_energy_gains(inputs: int, seed: int = 1) -> tuple[int, float]:
    """Return, over random states with a resting target, the number of torques that add more energy than the spring
    returns, and the weakest damping, as a rate [1/s] of the kinetic energy.
    """
    gains = make_gains(HOME_Q, ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf, posture_stiffness=0.0,
                       posture_damping=2.0, damping_refresh_ticks=0)  # fmt: skip
    bench = Bench(gains, FREE._replace(q_lower=LIMITS.q_lower, q_upper=LIMITS.q_upper))
    violations, weakest = np.zeros(1, np.int64), np.full(1, np.inf)
    feed_energy(bench.views, bench.loop, inputs, seed, violations, weakest)
    return int(violations[0]), float(weakest[0])


@compiled
def feed_energy(
    views: ModelViews, loop: ControlLoop, inputs: int, seed: int, violations: np.ndarray, weakest: np.ndarray
) -> None:
    """Return the power of the law beyond its spring: dq . (tau - tau_own) - F_spring . V, which must be <= 0."""
    np.random.seed(seed)
    state, target, limits, tau, own, now_s = loop.state, loop.target, loop.limits, loop.tau, loop.memory[0], 0.0
    for _ in range(inputs):
        now_s += 0.001
        for i in range(tau.shape[0]):
            span = limits.q_upper[i] - limits.q_lower[i]
            state.q[i] = limits.q_lower[i] + span * np.random.uniform(0.0, 1.0)
            state.dq[i] = np.random.normal()
        refresh_model(views, state.p, loop.dynamics)
        for i in range(3):
            target.p[i] = state.p[i] + 0.1 * np.random.normal()
        target.stamp_s[0] = now_s
        own.refresh_in = 0
        tick(loop, 0.001, now_s)
        power, kinetic = 0.0, 0.0
        for i in range(tau.shape[0]):
            power += state.dq[i] * (tau[i] - own.work.tau_own[i])
            for j in range(tau.shape[0]):
                kinetic += 0.5 * state.dq[i] * loop.dynamics.M[i, j] * state.dq[j]
        for i in range(6):
            power -= own.work.spring[i] * own.work.twist[i]
        violations[0] += power > 1e-9
        weakest[0] = min(weakest[0], -power / kinetic)
