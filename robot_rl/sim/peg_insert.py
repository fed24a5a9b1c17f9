"""PegInsert: put a square peg, held a little askew, into a socket of half a millimetre clearance (after SERL's peg,
HIL-SERL's RAM).
"""

from __future__ import annotations

import mujoco
import numpy as np

from robot_rl.core.pose import GRIPPER_DOWN, Pose, rot_y, rot_z
from robot_rl.core.tasks import PEG_HALF_M, PEG_INSERT, Outcome
from robot_rl.sim.arm import TCP_FROM_HAND_M, rpy_to_quat_wxyz
from robot_rl.sim.scene import CONTACT, new_workcell
from robot_rl.sim.task import Start

PEG_LENGTH_M = 0.05
CLEARANCE_M, CHAMFER_M = 0.0005, 0.002
HOLE_HALF_M = PEG_HALF_M + CLEARANCE_M
SOCKET_HALF_M, SOCKET_HEIGHT_M, DEPTH_M = 0.03, 0.03, 0.018
RANGE_M, YAW_RANGE_RAD = 0.05, np.deg2rad(15.0)
GRASP_OFFSET_M, GRASP_TILT_RAD = 0.002, np.deg2rad(2.0)
CENTRE = np.array([0.5, 0.0])
SIDE_FOVY_DEG = 16.0  # +-10 cm at the socket
DROPPED_FINGER_M = PEG_HALF_M + 0.006
FRICTION = (0.3, 0.005, 0.0001)  # machined plastic on plastic


class PegInsert:
    """The scene and ground truth of PegInsert; a `TaskScene`.

    The peg is fixed to the hand at an offset drawn at each reset (shift along the fingers' plane, tilt about the
    finger axis), for as long as the gripper stays closed; opening it loses the part. Success: the tip is `DEPTH_M`
    inside. Failure: the
    part is lost.
    """

    name, time_limit_s, workspace = PEG_INSERT.name, PEG_INSERT.time_limit_s, PEG_INSERT.workspace

    def build(self) -> mujoco.MjSpec:
        """The workcell with the socket on the table and the peg in the hand."""
        spec, hand = new_workcell(SIDE_FOVY_DEG)
        socket = spec.worldbody.add_body(name="socket", mocap=True, pos=(0.5, 0.0, 0.0))
        for quarter in range(4):
            _add_wall(socket, quarter * np.pi / 2)
        box = mujoco.mjtGeom.mjGEOM_BOX
        socket.add_geom(
            type=box, size=(0.029, 0.029, 0.001), pos=(0, 0, 0.001), rgba=(0.1, 0.1, 0.1, 1), contype=0, conaffinity=0
        )
        peg = hand.add_body(name="peg", pos=(0, 0, TCP_FROM_HAND_M))
        peg.add_geom(
            name="peg",
            type=box,
            size=(PEG_HALF_M, PEG_HALF_M, PEG_LENGTH_M / 2),
            pos=(0, 0, PEG_LENGTH_M / 2 - 0.012),
            mass=0.03,
            rgba=(0.9, 0.65, 0.1, 1.0),
            friction=FRICTION,
            condim=3,
            **CONTACT,
        )
        peg.add_site(name="peg_tip", pos=(0, 0, PEG_LENGTH_M - 0.012))
        for finger in ("finger1", "finger2"):
            spec.add_exclude(bodyname1="peg", bodyname2=finger)
        return spec

    def randomise(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Start:
        """Socket anywhere in the square within the yaw range; grasp offset; the tool above the middle, a little off."""
        yaw = rng.uniform(-YAW_RANGE_RAD, YAW_RANGE_RAD)
        data.mocap_pos[socket_index(model)] = (*(CENTRE + rng.uniform(-RANGE_M, RANGE_M, 2)), 0.0)
        data.mocap_quat[socket_index(model)] = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        shift = rng.uniform(-GRASP_OFFSET_M, GRASP_OFFSET_M, 2)
        peg = model.body("peg")
        peg.pos = (shift[0], 0.0, TCP_FROM_HAND_M + shift[1])  # no shift across the fingers: they close on it
        peg.quat = rpy_to_quat_wxyz((0.0, rng.uniform(-GRASP_TILT_RAD, GRASP_TILT_RAD), 0.0))
        return Start(PEG_INSERT.draw_start(rng), PEG_INSERT.start_finger_m)

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Inserted, or lost."""
        tip = peg_in_socket(model, data).p
        inserted = tip[2] < SOCKET_HEIGHT_M - DEPTH_M and np.abs(tip[:2]).max() < HOLE_HALF_M
        lost = data.joint("finger_joint1").qpos[0] > DROPPED_FINGER_M
        return Outcome(bool(inserted and not lost), bool(lost))

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """The socket's place."""
        return data.body("socket").xpos[None, :2].copy()

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Hole minus tip in the socket's frame / 0.05 m; the tip's rotation vector from upright / 0.25 rad; (6,)."""
        tip = peg_in_socket(model, data)
        quat, turn = np.zeros(4), np.zeros(3)
        mujoco.mju_mat2Quat(quat, (tip.R @ GRIPPER_DOWN.T).ravel())
        mujoco.mju_quat2Vel(turn, quat, 1.0)
        return np.concatenate([-tip.p / 0.05, turn / 0.25])


def socket_index(model: mujoco.MjModel) -> int:
    """Row of the socket in `data.mocap_pos`."""
    return int(model.body("socket").mocapid[0])


def socket_pose(model: mujoco.MjModel, data: mujoco.MjData) -> Pose:
    """`T_base_socket`: on the table, z up."""
    index = socket_index(model)
    return Pose(
        data.mocap_pos[index].copy(), rot_z(2.0 * np.arctan2(data.mocap_quat[index, 3], data.mocap_quat[index, 0]))
    )


def peg_in_socket(model: mujoco.MjModel, data: mujoco.MjData) -> Pose:
    """`T_socket_tip`: the middle of the peg's lower face, seen from the socket."""
    tip = data.site("peg_tip")
    return socket_pose(model, data).inverse() @ Pose(tip.xpos.copy(), tip.xmat.reshape(3, 3).copy())


def _add_wall(socket: mujoco.MjsBody, yaw: float) -> None:
    """One side of the socket: a low inner wall, a full outer wall, and between them the chamfer's 45 degree face."""
    inner, outer, height, chamfer = HOLE_HALF_M, SOCKET_HALF_M, SOCKET_HEIGHT_M, CHAMFER_M
    low = (height - chamfer) / 2
    _add_box(socket, yaw, ((inner + outer) / 2, low), ((outer - inner) / 2, outer, low), 0.0)
    edge = inner + chamfer
    _add_box(socket, yaw, ((edge + outer) / 2, height / 2), ((outer - edge) / 2, outer, height / 2), 0.0)
    half_face, thickness = chamfer / np.sqrt(2.0), 0.001
    middle = np.array([inner + chamfer / 2, height - chamfer / 2]) + thickness / np.sqrt(2.0) * np.array([1.0, -1.0])
    _add_box(socket, yaw, (middle[0], middle[1]), (half_face, edge, thickness), -np.pi / 4)


def _add_box(socket: mujoco.MjsBody, yaw: float, place: tuple[float, float], half: tuple, pitch: float) -> None:
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, (rot_z(yaw) @ rot_y(pitch)).ravel())
    pos = rot_z(yaw) @ np.array([place[0], 0.0, place[1]])
    socket.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=half,
        pos=pos,
        quat=quat,
        rgba=(0.2, 0.35, 0.7, 1.0),
        friction=FRICTION,
        condim=3,
        **CONTACT,
    )
