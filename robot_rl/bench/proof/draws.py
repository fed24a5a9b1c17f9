"""Random states and targets: beyond the stops, in and out of the workspace, steady, wandering or broken."""

from __future__ import annotations

import math

import numpy as np

from controllers.arm import ArmLimits, ArmState, Target
from controllers.compilation import inner
from controllers.geometry import FloatArray, quat_exp, quat_multiply, quat_normalised
from controllers.law.controller_state import ControllerState
from robot_rl.bench.proof.violations import Previous

JUMPING, WANDERING, STEADY = 0, 1, 2


@inner
def draw_state(state: ArmState, limits: ArmLimits, wild: float) -> None:
    """Joint positions up to a tenth beyond the stops, speeds up to `wild` times the limit, any torque within limits."""
    for i in range(state.q.shape[0]):
        span = limits.q_upper[i] - limits.q_lower[i]
        state.q[i] = limits.q_lower[i] + span * np.random.uniform(-0.1, 1.1)
        state.dq[i] = wild * limits.dq_max[i] * np.random.uniform(-1.0, 1.0)
        state.tau[i] = min(limits.tau_max[i], 100.0) * np.random.uniform(-1.2, 1.2)


@inner
def _turn_by(quat: FloatArray, x: float, y: float, z: float, out: FloatArray) -> None:
    q = quat_normalised(quat_multiply(quat_exp((x, y, z)), quat))
    for i in range(4):
        out[i] = q[i]


@inner
def _turn(quat: FloatArray, size_rad: float, out: FloatArray) -> None:
    x, y, z = np.random.normal(), np.random.normal(), np.random.normal()
    _turn_by(quat, size_rad * x, size_rad * y, size_rad * z, out)


@inner
def _upside_down(home: FloatArray, tool: FloatArray, out: FloatArray) -> None:
    """The tool against the cone's axis, but for something between nothing and a radian."""
    x, y, z = np.random.normal(), np.random.normal(), np.random.normal()
    x, y, z = tool[1] * z - tool[2] * y, tool[2] * x - tool[0] * z, tool[0] * y - tool[1] * x
    scale = math.pi / math.sqrt(x * x + y * y + z * z)
    quat = quat_multiply(home[3:], quat_exp((scale * x, scale * y, scale * z)))
    _turn(np.array(quat), 10.0 ** np.random.uniform(-20.0, 0.0), out)


@inner
def _draw_pose(own: ControllerState, home: FloatArray, tool: FloatArray, wandering: bool, aim: FloatArray) -> None:
    """A step from the last goal; or anywhere within 2 m, in any orientation, now and then in the workspace."""
    kind = np.random.randint(0, 12)
    if wandering and kind != 0:
        for i in range(3):
            aim[i] = own.goal.p[i] + 0.03 * np.random.normal()
        _turn(own.goal.quat_xyzw, 0.1, aim[3:])
        return
    reach = 0.02 if kind == 0 else 2.0 * np.random.random() ** 2
    for i in range(3):
        aim[i] = home[i] + reach * np.random.uniform(-1.0, 1.0)
    if kind == 1:
        _upside_down(home, tool, aim[3:])
    else:
        _turn(home[3:], 0.02 if kind == 0 else 3.0 * np.random.random(), aim[3:])


@inner
def _move_on(previous: Previous, dt_s: float) -> None:
    """A steady target stays, or moves with its drift."""
    way, quat = previous.drift, previous.aim[3:]
    for i in range(3):
        previous.aim[i] += way[i] * dt_s
    _turn_by(quat, way[3] * dt_s, way[4] * dt_s, way[5] * dt_s, quat)


@inner
def draw_aim(own: ControllerState, previous: Previous, home: FloatArray, tool: FloatArray, dt_s: float) -> None:
    if np.random.random() < 0.003:
        previous.manner = np.random.randint(JUMPING, STEADY + 1)
    if previous.manner == STEADY and np.random.random() > 0.005:
        _move_on(previous, dt_s)
        return
    _draw_pose(own, home, tool, previous.manner == WANDERING, previous.aim)
    drifts = np.random.randint(0, 2)
    for i in range(6):
        previous.drift[i] = drifts * (0.2 if i < 3 else 0.5) * np.random.normal()


@inner
def make_target(aim: FloatArray, target: Target, now_s: float) -> None:
    """A pose with feed-forward, one in two without a twist; one in eight is broken in some way."""
    for i in range(3):
        target.p[i] = aim[i]
    for i in range(4):
        target.quat_xyzw[i] = aim[3 + i]
    still = 0.0 if np.random.random() < 0.5 else 1.0
    for i in range(6):
        target.twist[i], target.wrench[i] = still * np.random.normal(), 50.0 * np.random.normal()
    target.stamp_s[0] = now_s
    broken = np.random.randint(0, 48)
    if broken == 0:
        target.p[np.random.randint(0, 3)] = np.nan
    elif broken == 1:
        for i in range(4):
            target.quat_xyzw[i] *= np.random.uniform(0.0, 3.0)
    elif broken == 2:
        target.wrench[np.random.randint(0, 6)] = np.inf
    elif broken == 3:
        target.stamp_s[0] = now_s + np.random.uniform(-2.0, 2.0)
    elif broken == 4:
        target.twist[np.random.randint(0, 6)] = -np.inf
    elif broken == 5:
        for i in range(3):
            target.p[i] = 1e6 * np.random.normal()
