"""The proprioceptive part of an observation: what the arm knows of itself, in numbers of order one.

Layout of `state` (25,), tool frame where said:
    0:3    tool position from the middle of the workspace, base frame   / 0.1 m
    3:6    rotation vector from gripper-down, base frame                / 0.5 rad
    6:9    linear velocity, tool frame                                  / 0.2 m/s
    9:12   angular velocity, tool frame                                 / 1 rad/s
    12:15  force on the hand, tool frame                                / 10 N
    15:18  moment on the hand, tool frame                               / 1 N m
    18:21  target minus measured position, tool frame                   / leash
    21:24  target minus measured rotation, tool frame                   / leash
    24     finger travel, last                                                0 closed .. 1 open
Force and moment are clipped to +-3 of these units: a blow must not drown the rest.
"""

from __future__ import annotations

import numpy as np

from robot_rl.core.action_layout import StateEntry
from robot_rl.core.pose import GRIPPER_DOWN, Pose
from robot_rl.core.workspace import Workspace
from robot_rl.envs.action import vector_from_rotation
from robot_rl.hardware.robot import RobotState

STATE_SIZE = 25
STATE_BOUND = 10.0
FINGER_ENTRY = StateEntry("state", STATE_SIZE - 1)
"""The gripper's opening, 0 closed .. 1 open."""
_WRENCH_SCALE = np.array([10.0, 10.0, 10.0, 1.0, 1.0, 1.0])
_TWIST_SCALE = np.array([0.2, 0.2, 0.2, 1.0, 1.0, 1.0])


def state_vector(workspace: Workspace, state: RobotState, T_base_target: Pose) -> np.ndarray:
    """`state` (25,) float32, finite and within +-`STATE_BOUND`."""
    p, R = state.T_base_tcp
    vector = np.concatenate([
        (p - workspace.centre_m) / 0.1,
        vector_from_rotation(R @ GRIPPER_DOWN.T) / 0.5,
        np.concatenate([R.T @ state.twist[:3], R.T @ state.twist[3:]]) / _TWIST_SCALE,
        np.clip(state.wrench / _WRENCH_SCALE, -3.0, 3.0),
        R.T @ (T_base_target.p - p) / workspace.leash_m,
        vector_from_rotation(R.T @ T_base_target.R) / workspace.leash_rad,
        [state.finger_m / workspace.finger_open_m],
    ])  # fmt: skip
    return np.clip(vector, -STATE_BOUND, STATE_BOUND).astype(np.float32)
