"""Many physics steps under the controller's tick, in one compiled call: MuJoCo's C functions are called from compiled
code.

Per control step of 100 ms this is 50 times (kinematics, model terms, tick, integration) without returning to Python.
"""

from __future__ import annotations

from pathlib import Path

import llvmlite.binding as llvm
import mujoco
import numpy as np
from numba import types

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Target
from controllers.compilation import compiled
from controllers.law.gains import Gains
from controllers.law.tick import LoopState, tick

llvm.load_library_permanently(str(next(Path(mujoco.__file__).parent.glob("libmujoco.so*"))))
_mj_step1 = types.ExternalFunction("mj_step1", types.void(types.intp, types.intp))
_mj_step2 = types.ExternalFunction("mj_step2", types.void(types.intp, types.intp))
_mj_step = types.ExternalFunction("mj_step", types.void(types.intp, types.intp))
_mj_kinematics = types.ExternalFunction("mj_kinematics", types.void(types.intp, types.intp))
_mj_comPos = types.ExternalFunction("mj_comPos", types.void(types.intp, types.intp))
_mj_makeM = types.ExternalFunction("mj_makeM", types.void(types.intp, types.intp))
_mj_comVel = types.ExternalFunction("mj_comVel", types.void(types.intp, types.intp))
_mj_rne = types.ExternalFunction("mj_rne", types.void(types.intp, types.intp, types.int32, types.intp))


@compiled
def fill_dynamics(
    anchors: np.ndarray,
    axes: np.ndarray,
    row_of_dof: np.ndarray,
    inertia: np.ndarray,
    p: np.ndarray,
    dynamics: ArmDynamics,
) -> None:
    """Write J (6, N) of the point p and M (N, N) from MuJoCo's joint anchors and axes (N, 3) and its packed inertia.

    The arm's joints come first and form a chain, so row i of the packed inertia holds M[i, i], M[i, i-1], ... M[i, 0].
    """
    J, M = dynamics.J, dynamics.M
    for i in range(J.shape[1]):
        x, y, z = axes[i, 0], axes[i, 1], axes[i, 2]
        rx, ry, rz = p[0] - anchors[i, 0], p[1] - anchors[i, 1], p[2] - anchors[i, 2]
        J[0, i], J[1, i], J[2, i] = y * rz - z * ry, z * rx - x * rz, x * ry - y * rx
        J[3, i], J[4, i], J[5, i] = x, y, z
        for back in range(i + 1):
            value = inertia[row_of_dof[i] + back]
            M[i, i - back], M[i - back, i] = value, value


@compiled
def refresh_model(
    model_address: int,
    data_address: int,
    anchors: np.ndarray,
    axes: np.ndarray,
    row_of_dof: np.ndarray,
    inertia: np.ndarray,
    bias: np.ndarray,
    p: np.ndarray,
    dynamics: ArmDynamics,
) -> None:
    """What a tick needs of the model at the present q and dq, and nothing else: kinematics, J, M, bias torques."""
    _mj_kinematics(model_address, data_address)
    _mj_comPos(model_address, data_address)
    _mj_makeM(model_address, data_address)
    _mj_comVel(model_address, data_address)
    _mj_rne(model_address, data_address, 0, bias.ctypes.data)
    fill_dynamics(anchors, axes, row_of_dof, inertia, p, dynamics)


@compiled
def step_physics(model_address: int, data_address: int) -> None:
    """Integrate over one time step under the present `ctrl`."""
    _mj_step(model_address, data_address)


@compiled
def advance(
    model_address: int,
    data_address: int,
    steps: int,
    dt_s: float,
    time_s: np.ndarray,
    anchors: np.ndarray,
    axes: np.ndarray,
    row_of_dof: np.ndarray,
    inertia: np.ndarray,
    ctrl: np.ndarray,
    sensors: np.ndarray,
    sensors_mean: np.ndarray,
    state: ArmState,
    dynamics: ArmDynamics,
    target: Target,
    gains: Gains,
    limits: ArmLimits,
    memory: LoopState,
    tau: np.ndarray,
) -> int:
    """Run `steps` ticks and physics steps; write the last command into `tau` (N,) and the sensors' mean; return the
    gravest reason.

    `state` holds views of MuJoCo's own arrays, except `state.tau`, which is kept here: the simulated joints report
    what was commanded.
    """
    gravest = 0
    sensors_mean[:] = 0.0
    for _ in range(steps):
        _mj_step1(model_address, data_address)
        fill_dynamics(anchors, axes, row_of_dof, inertia, state.p, dynamics)
        gravest = max(gravest, tick(state, dynamics, target, gains, limits, memory, dt_s, time_s[0], tau))
        time_s[0] += dt_s
        for i in range(tau.shape[0]):
            ctrl[i] = tau[i]
            state.tau[i] = tau[i]
        _mj_step2(model_address, data_address)
        for i in range(sensors.shape[0]):
            sensors_mean[i] += sensors[i] / steps
    return gravest
