"""peg-insert: put a square peg, grasped with an offset, into a socket of half a millimetre clearance (after SERL's peg,
HIL-SERL's RAM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from robot_rl.core.action_layout import CLOSE
from robot_rl.core.pose import GRIPPER_DOWN, Pose, gripper_down, nearest_quarter, rot_y, rot_z, rotation_log, yaw_of
from robot_rl.core.tasks import ActionScale, ArmTask, GripperRange, Outcome, StartRegion, TaskSpec, Workspace
from robot_rl.sim.task import Goal, Start

if TYPE_CHECKING:
    import mujoco

    from controllers.arms.spec import ArmSpec

PEG_HALF_M, PEG_LENGTH_M = 0.008, 0.05
CLEARANCE_M, CHAMFER_M = 0.0005, 0.002
HOLE_HALF_M = PEG_HALF_M + CLEARANCE_M
SOCKET_HALF_M, SOCKET_HEIGHT_M, DEPTH_M = 0.03, 0.03, 0.018
RANGE_M, YAW_RANGE_RAD = 0.05, np.deg2rad(15.0)
GRASP_OFFSET_M, GRASP_TILT_RAD = 0.002, np.deg2rad(2.0)
CENTRE = np.array([0.5, 0.0])
SIDE_FOVY_DEG = 16.0  # +-10 cm at the socket
DROPPED_FINGER_M = PEG_HALF_M + 0.006
FRICTION = (0.3, 0.005, 0.0001)  # machined plastic on plastic


WORKSPACE = Workspace(lower_m=(0.42, -0.08, 0.03), upper_m=(0.58, 0.08, 0.18), yaw_rad=0.5, tilt_rad=0.12)
START = StartRegion(position_m=(0.5, 0.0, 0.14), range_m=(0.015, 0.015, 0.015), yaw_rad=0.1)
GRIPPER = GripperRange(closed_m=PEG_HALF_M, start_m=PEG_HALF_M)


class PegInsert:
    """The scene and ground truth; a `TaskScene`.

    The peg is fixed to the hand at an offset drawn at each reset (shift along the fingers' plane, tilt about the
    finger axis), for as long as the gripper stays closed; opening it loses the part. Success: the tip is `DEPTH_M`
    inside. Failure: the part is lost.
    """

    def build(self, arm: ArmSpec) -> mujoco.MjSpec:
        """Return the workcell with the socket on the table and the peg in the hand."""
        import mujoco

        from robot_rl.sim.arm import TCP_FROM_HAND_M
        from robot_rl.sim.scene import CONTACT, new_workcell

        spec, hand = new_workcell(SIDE_FOVY_DEG, arm)
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
        """Draw the socket in the square within the yaw range, the grasp offset, and the tool near above the middle."""
        from robot_rl.sim.arm import TCP_FROM_HAND_M, rpy_to_quat_wxyz

        yaw = rng.uniform(-YAW_RANGE_RAD, YAW_RANGE_RAD)
        data.mocap_pos[socket_index(model)] = (*(CENTRE + rng.uniform(-RANGE_M, RANGE_M, 2)), 0.0)
        data.mocap_quat[socket_index(model)] = (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        shift = rng.uniform(-GRASP_OFFSET_M, GRASP_OFFSET_M, 2)
        peg = model.body("peg")
        peg.pos = (shift[0], 0.0, TCP_FROM_HAND_M + shift[1])  # no shift across the fingers: they close on it
        peg.quat = rpy_to_quat_wxyz((0.0, rng.uniform(-GRASP_TILT_RAD, GRASP_TILT_RAD), 0.0))
        return Start(START.draw(rng), GRIPPER.start_m)

    def outcome(self, model: mujoco.MjModel, data: mujoco.MjData) -> Outcome:
        """Return whether the peg is inserted, or lost."""
        tip = peg_in_socket(model, data).p
        inserted = tip[2] < SOCKET_HEIGHT_M - DEPTH_M and np.abs(tip[:2]).max() < HOLE_HALF_M
        lost = data.joint("finger_joint1").qpos[0] > DROPPED_FINGER_M
        return Outcome(bool(inserted and not lost), bool(lost))

    def keep_out(self, data: mujoco.MjData) -> np.ndarray:
        """Return the socket's place."""
        return data.body("socket").xpos[None, :2].copy()

    def object_state(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Return hole minus tip in the socket's frame / 0.05 m; the tip's rotation from upright / 0.25 rad; (6,)."""
        tip = peg_in_socket(model, data)
        return np.concatenate([-tip.p / 0.05, rotation_log(tip.R @ GRIPPER_DOWN.T) / 0.25])


def socket_index(model: mujoco.MjModel) -> int:
    """Return the row of the socket in `data.mocap_pos`."""
    return int(model.body("socket").mocapid[0])


def socket_pose(model: mujoco.MjModel, data: mujoco.MjData) -> Pose:
    """Return `T_base_socket`: on the table, z up."""
    index = socket_index(model)
    return Pose(
        data.mocap_pos[index].copy(), rot_z(2.0 * np.arctan2(data.mocap_quat[index, 3], data.mocap_quat[index, 0]))
    )


def peg_in_socket(model: mujoco.MjModel, data: mujoco.MjData) -> Pose:
    """Return `T_socket_tip`: the middle of the peg's lower face in the socket's frame."""
    tip = data.site("peg_tip")
    return socket_pose(model, data).inverse() @ Pose(tip.xpos.copy(), tip.xmat.reshape(3, 3).copy())


def _add_wall(socket: mujoco.MjsBody, yaw: float) -> None:
    """Add one side of the socket: a low inner wall, a full outer wall, and the chamfer's 45 degree face between."""
    inner, outer, height, chamfer = HOLE_HALF_M, SOCKET_HALF_M, SOCKET_HEIGHT_M, CHAMFER_M
    low = (height - chamfer) / 2
    _add_box(socket, yaw, ((inner + outer) / 2, low), ((outer - inner) / 2, outer, low), 0.0)
    edge = inner + chamfer
    _add_box(socket, yaw, ((edge + outer) / 2, height / 2), ((outer - edge) / 2, outer, height / 2), 0.0)
    half_face, thickness = chamfer / np.sqrt(2.0), 0.001
    middle = np.array([inner + chamfer / 2, height - chamfer / 2]) + thickness / np.sqrt(2.0) * np.array([1.0, -1.0])
    _add_box(socket, yaw, (middle[0], middle[1]), (half_face, edge, thickness), -np.pi / 4)


def _add_box(socket: mujoco.MjsBody, yaw: float, place: tuple[float, float], half: tuple, pitch: float) -> None:
    import mujoco

    from robot_rl.sim.scene import CONTACT

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


class PegInsertExpert:
    """Expert: bring the peg's tip over the hole, upright and aligned; then push down, laterally compliant."""

    hover_m = 0.006
    aligned_m, aligned_rad = 0.0012, 0.03

    def goal(self, model: mujoco.MjModel, data: mujoco.MjData) -> Goal:
        """Return the next way-point."""
        T_base_socket = socket_pose(model, data)
        T_base_tcp = Pose(data.site("tcp").xpos.copy(), data.site("tcp").xmat.reshape(3, 3).copy())
        tip = peg_in_socket(model, data)
        T_tcp_tip = T_base_tcp.inverse() @ T_base_socket @ tip
        yaw = nearest_quarter(0.0, yaw_of(tip.R), np.inf)  # within reach in the workspace
        off_m, off_rad = (
            np.abs(tip.p[:2]).max(),
            np.arccos(np.clip((np.trace(tip.R.T @ gripper_down(tip.p, yaw).R) - 1) / 2, -1, 1)),
        )
        height = tip.p[2] - SOCKET_HEIGHT_M
        entered = height < -CHAMFER_M - 0.001
        aligned = off_m < self.aligned_m and off_rad < self.aligned_rad
        z = -0.01 if entered or aligned else self.hover_m
        if not aligned and height < self.hover_m / 2 and off_m > 0.003 and not entered:
            goal = np.array([*tip.p[:2], SOCKET_HEIGHT_M + self.hover_m])  # resting beside the hole: lift off first
        else:
            goal = np.array([0.0, 0.0, SOCKET_HEIGHT_M + z if z > 0 else z])
        T_base_tip = T_base_socket @ gripper_down(goal, yaw)
        return Goal(T_base_tip @ T_tcp_tip.inverse(), CLOSE)


TASK = TaskSpec(
    "peg-insert",
    text="insert a peg with sub-millimetre clearance; 12 minutes",
    time_limit_s=8.0,
    arms={
        "": ArmTask(
            WORKSPACE, START, ActionScale(step_m=0.015, step_rad=0.08, leash_m=0.012, leash_rad=0.12), gripper=GRIPPER
        )
    },
    rewards=("ground-truth", "human-label"),
    # A stuck peg must lose its value quickly, hence the discount; the human demonstrates the search in contact.
    training={"preset": "small", "budget": {"minutes": 12.0}, "agent": {"discount": 0.95}},
    scene=PegInsert,
    expert=PegInsertExpert,
    object_size=6,
)
