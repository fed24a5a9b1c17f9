"""Inverse kinematics by damped least squares on the MuJoCo model, to place the arm at a reset."""

import mujoco
import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.sim.arm import HOME_Q

ITERATIONS = 60
TOLERANCE = 1e-5  # [m] and [rad] together


def solve(model: mujoco.MjModel, data: mujoco.MjData, T_base_tcp: Pose, home: np.ndarray = HOME_Q) -> np.ndarray:
    """Return joint angles (N,) [rad] with site `tcp` at `T_base_tcp`, searched from `home`; `data` is scratch memory.

    Raises:
        ConfigError: no solution within `TOLERANCE`, as for a pose out of reach.
    """
    jacobian = np.zeros((6, model.nv))
    n = home.size
    data.qpos[:n] = home
    for _ in range(ITERATIONS):
        error = _error(model, data, T_base_tcp, jacobian)
        if np.linalg.norm(error) < TOLERANCE:
            return np.array(data.qpos[:n])
        J = jacobian[:, :n]
        data.qpos[:n] += J.T @ np.linalg.solve(J @ J.T + 1e-6 * np.eye(6), error)
        data.qpos[:n] = np.clip(data.qpos[:n], model.jnt_range[:n, 0], model.jnt_range[:n, 1])
    raise ConfigError(
        f"tool pose: got {T_base_tcp.p.tolist()} m, expected one within the arm's reach from its posture; "
        "move it closer to the base, or the arm's posture towards it."
    )


def _error(model: mujoco.MjModel, data: mujoco.MjData, T_base_tcp: Pose, jacobian: np.ndarray) -> np.ndarray:
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    site = data.site("tcp")
    mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site.id)
    quat, turn = np.zeros(4), np.zeros(3)
    mujoco.mju_mat2Quat(quat, (T_base_tcp.R @ site.xmat.reshape(3, 3).T).ravel())
    mujoco.mju_quat2Vel(turn, quat, 1.0)
    return np.concatenate([T_base_tcp.p - site.xpos, turn])
