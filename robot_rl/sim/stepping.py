"""Physics steps under the controller's tick in one compiled call, which calls MuJoCo's C functions.

Per control step of 100 ms this is 50 times (kinematics, model terms, tick, integration) without returning to Python.
"""

from pathlib import Path
from typing import NamedTuple

import llvmlite.binding as llvm
import mujoco
import numpy as np
from numba import types

from controllers.arm import ArmDynamics
from controllers.compilation import compiled
from controllers.law.tick import ControlLoop, tick

llvm.load_library_permanently(str(next(Path(mujoco.__file__).parent.glob("libmujoco.so*"))))
_mj_step1 = types.ExternalFunction("mj_step1", types.void(types.intp, types.intp))
_mj_step2 = types.ExternalFunction("mj_step2", types.void(types.intp, types.intp))
_mj_step = types.ExternalFunction("mj_step", types.void(types.intp, types.intp))
_mj_kinematics = types.ExternalFunction("mj_kinematics", types.void(types.intp, types.intp))
_mj_comPos = types.ExternalFunction("mj_comPos", types.void(types.intp, types.intp))
_mj_makeM = types.ExternalFunction("mj_makeM", types.void(types.intp, types.intp))
_mj_comVel = types.ExternalFunction("mj_comVel", types.void(types.intp, types.intp))
_mj_rne = types.ExternalFunction("mj_rne", types.void(types.intp, types.intp, types.int32, types.intp))


class ModelViews(NamedTuple):
    """Addresses and views of a MuJoCo model and its data for compiled code; the arm's joints come first."""

    model_address: int
    data_address: int
    anchors: np.ndarray  # (N, 3) of the joints [m]
    axes: np.ndarray  # (N, 3)
    row_of_dof: np.ndarray  # (N,) into the packed inertia
    inertia: np.ndarray  # packed
    bias: np.ndarray  # (nv,) Coriolis and gravity [N m]
    ctrl: np.ndarray  # (nu,)
    sensors: np.ndarray  # (6,) force and moment at the wrist, or nothing


def view_model(model: mujoco.MjModel, data: mujoco.MjData, joints: int) -> ModelViews:
    """Return the views; model and data must outlive them."""
    return ModelViews(
        model._address, data._address, data.xanchor[:joints], data.xaxis[:joints], model.dof_Madr[:joints],
        data.qM, data.qfrc_bias, data.ctrl, data.sensordata[:6],
    )  # fmt: skip


@compiled
def fill_dynamics(views: ModelViews, p: np.ndarray, dynamics: ArmDynamics) -> None:
    """Write J (6, N) of the point p and M (N, N) from MuJoCo's joint anchors, axes and packed inertia.

    The arm's joints form a chain, so row i of the packed inertia holds M[i, i], M[i, i-1], ... M[i, 0].
    """
    J, M, anchors, axes = dynamics.J, dynamics.M, views.anchors, views.axes
    for i in range(J.shape[1]):
        x, y, z = axes[i, 0], axes[i, 1], axes[i, 2]
        rx, ry, rz = p[0] - anchors[i, 0], p[1] - anchors[i, 1], p[2] - anchors[i, 2]
        J[0, i], J[1, i], J[2, i] = y * rz - z * ry, z * rx - x * rz, x * ry - y * rx
        J[3, i], J[4, i], J[5, i] = x, y, z
        for back in range(i + 1):
            value = views.inertia[views.row_of_dof[i] + back]
            M[i, i - back], M[i - back, i] = value, value


@compiled
def refresh_model(views: ModelViews, p: np.ndarray, dynamics: ArmDynamics) -> None:
    """Compute a tick's model terms at the present q and dq: kinematics, J, M, bias torques."""
    model, data = views.model_address, views.data_address
    _mj_kinematics(model, data)
    _mj_comPos(model, data)
    _mj_makeM(model, data)
    _mj_comVel(model, data)
    _mj_rne(model, data, 0, views.bias.ctypes.data)
    fill_dynamics(views, p, dynamics)


@compiled
def step_physics(views: ModelViews) -> None:
    """Integrate over one time step under the present `ctrl`."""
    _mj_step(views.model_address, views.data_address)


@compiled
def apply_command(views: ModelViews, loop: ControlLoop) -> None:
    """Put the command on the actuators; the simulated joints report what was commanded."""
    for i in range(loop.tau.shape[0]):
        views.ctrl[i], loop.state.tau[i] = loop.tau[i], loop.tau[i]


@compiled
def advance(
    views: ModelViews, loop: ControlLoop, steps: int, dt_s: float, time_s: np.ndarray, sensors_mean: np.ndarray
) -> int:
    """Run `steps` ticks and physics steps; write the sensors' mean; return the most severe reason.

    `loop.state` holds views of MuJoCo's own arrays, except `tau`.
    """
    gravest = 0
    sensors_mean[:] = 0.0
    for _ in range(steps):
        _mj_step1(views.model_address, views.data_address)
        fill_dynamics(views, loop.state.p, loop.dynamics)
        gravest = max(gravest, tick(loop, dt_s, time_s[0]))
        time_s[0] += dt_s
        apply_command(views, loop)
        _mj_step2(views.model_address, views.data_address)
        for i in range(views.sensors.shape[0]):
            sensors_mean[i] += views.sensors[i] / steps
    return gravest
