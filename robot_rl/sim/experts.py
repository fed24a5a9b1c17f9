"""Scripted experts: where the tool should go next, from ground truth. They are the demonstrators and the scripted
humans.

Each is feedback only, without a clock, so it takes over from any state that a policy has left behind.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import mujoco
import numpy as np

from robot_rl.core.pose import Pose, gripper_down, yaw_of
from robot_rl.sim import peg_insert, pick_lift

CLOSE, HOLD, OPEN = -1.0, 0.0, 1.0


class Goal(NamedTuple):
    """Where the tool should be, and what the gripper should do (one of `CLOSE`, `HOLD`, `OPEN`)."""

    T_base_tcp: Pose
    gripper: float


class Expert(Protocol):
    """Ground truth to goal."""

    def goal(self, model: mujoco.MjModel, data: mujoco.MjData) -> Goal:
        """Where the tool should go from the current state."""
        ...


class PickLiftExpert:
    """Hover over the cube aligned with its nearest faces, go down, close, lift; go up first when low and off."""

    hover_m = 0.075
    aligned_m, aligned_rad = 0.006, 0.1

    def goal(self, model: mujoco.MjModel, data: mujoco.MjData) -> Goal:
        """The next way-point."""
        tcp, R = data.site("tcp").xpos.copy(), data.site("tcp").xmat.reshape(3, 3)
        cube = data.body("cube").xpos.copy()
        yaw = nearest_quarter(pick_lift.cube_yaw(data), yaw_of(R), pick_lift.PickLift.workspace.yaw_rad)
        off_m, off_rad = np.linalg.norm(cube[:2] - tcp[:2]), abs(yaw - yaw_of(R))
        if self._holds(data, cube, tcp):
            return Goal(gripper_down(np.array([*tcp[:2], tcp[2] + 0.05]), yaw_of(R)), CLOSE)
        slack = 2.0 if tcp[2] < cube[2] + 0.03 else 1.0  # hysteresis: once down, finish the grasp
        if off_m < slack * self.aligned_m and off_rad < slack * self.aligned_rad:
            down = tcp[2] < cube[2] + 0.012
            return Goal(gripper_down(cube, yaw), CLOSE if down else OPEN)
        hover = cube + np.array([0.0, 0.0, self.hover_m])
        if tcp[2] < cube[2] + 0.05 and off_m > 0.01:  # beside or on the cube: rise before moving over it
            hover[:2] = tcp[:2]
        return Goal(gripper_down(hover, yaw), OPEN)

    @staticmethod
    def _holds(data: mujoco.MjData, cube: np.ndarray, tcp: np.ndarray) -> bool:
        finger = data.joint("finger_joint1")
        closed_on = finger.qpos[0] < pick_lift.CUBE_HALF_M * 1.2 and abs(finger.qvel[0]) < 0.02
        return bool(closed_on and np.linalg.norm(cube - tcp) < 0.022)


class PegInsertExpert:
    """Bring the peg's tip over the hole, upright and turned to it; then push down, leaving the sides to compliance."""

    hover_m = 0.006
    aligned_m, aligned_rad = 0.0012, 0.03

    def goal(self, model: mujoco.MjModel, data: mujoco.MjData) -> Goal:
        """The next way-point."""
        T_base_socket = peg_insert.socket_pose(model, data)
        T_base_tcp = Pose(data.site("tcp").xpos.copy(), data.site("tcp").xmat.reshape(3, 3).copy())
        tip = peg_insert.peg_in_socket(model, data)
        T_tcp_tip = T_base_tcp.inverse() @ T_base_socket @ tip
        yaw = nearest_quarter(0.0, yaw_of(tip.R), np.inf)  # the workspace leaves no other within reach
        off_m, off_rad = (
            np.abs(tip.p[:2]).max(),
            np.arccos(np.clip((np.trace(tip.R.T @ gripper_down(tip.p, yaw).R) - 1) / 2, -1, 1)),
        )
        height = tip.p[2] - peg_insert.SOCKET_HEIGHT_M
        entered = height < -peg_insert.CHAMFER_M - 0.001
        aligned = off_m < self.aligned_m and off_rad < self.aligned_rad
        z = -0.01 if entered or aligned else self.hover_m
        if not aligned and height < self.hover_m / 2 and off_m > 0.003 and not entered:
            goal = np.array(
                [*tip.p[:2], peg_insert.SOCKET_HEIGHT_M + self.hover_m]
            )  # resting beside the hole: lift off first
        else:
            goal = np.array([0.0, 0.0, peg_insert.SOCKET_HEIGHT_M + z if z > 0 else z])
        T_base_tip = T_base_socket @ gripper_down(goal, yaw)
        return Goal(T_base_tip @ T_tcp_tip.inverse(), CLOSE)


def nearest_quarter(angle_rad: float, to_rad: float, bound_rad: float) -> float:
    """The angle that differs from `angle_rad` by quarter turns, lies within +-`bound_rad` and is nearest to `to_rad`.

    Where none lies within the bound: the nearest of all.
    """
    quarter = np.pi / 2
    nearest = angle_rad + np.round((to_rad - angle_rad) / quarter) * quarter
    candidates = nearest + np.array([-quarter, 0.0, quarter])
    reachable = candidates[np.abs(candidates) <= bound_rad]
    return float(reachable[np.abs(reachable - to_rad).argmin()] if reachable.size else nearest)
