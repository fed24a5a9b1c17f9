"""The simulated arm: a Franka Emika Panda with its parallel gripper, built from primitives.

The kinematics are the published modified Denavit-Hartenberg frames; masses, centres of mass and inertia tensors are
those identified by Gaz et al., "Dynamic identification of the Franka Emika Panda robot with retrieval of feasible
parameters using penalty-based optimization", RA-L 2019, as distributed with example-robot-data.
`tests/sim/test_arm.py` compares both
with Pinocchio.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

ARM_JOINTS = tuple(f"joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("finger_joint1", "finger_joint2")
HOME_Q = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 1.9, np.pi / 4])  # gripper down above the table, elbow up
FINGER_MAX_M = 0.04  # travel of one finger; the opening is twice that
TCP_FROM_HAND_M = 0.1034

JOINT_DAMPING = 1.0  # [N m s/rad]; Panda joints show 0.5-2 after their friction compensation
JOINT_ARMATURE = (
    0.1  # [kg m^2]; reflected rotor inertia, without which a 1 kHz torque loop is stiff (spec of the field)
)


@dataclass(frozen=True)
class Link:
    """One link: its joint's frame in the parent and its inertia at the centre of mass, in the link's frame.

    Units: m, rad, kg, kg m^2. `inertia` is (xx, yy, zz, xy, xz, yz).
    """

    name: str
    xyz: tuple[float, float, float]
    rpy: tuple[float, float, float]
    limits: tuple[float, float]
    effort: float
    mass_kg: float
    com: tuple[float, float, float]
    inertia: tuple[float, float, float, float, float, float]


_Q = np.pi / 2
# fmt: off
LINKS = (
    Link("link1", (0, 0, 0.333), (0, 0, 0), (-2.8973, 2.8973), 87.0, 4.970684,
         (0.003875, 0.002081, -0.04762), (0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169)),
    Link("link2", (0, 0, 0), (-_Q, 0, 0), (-1.7628, 1.7628), 87.0, 0.646926,
         (-0.003141, -0.02872, 0.003495), (0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704)),
    Link("link3", (0, -0.316, 0), (_Q, 0, 0), (-2.8973, 2.8973), 87.0, 3.228604,
         (0.027518, 0.039252, -0.066502), (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805)),
    Link("link4", (0.0825, 0, 0), (_Q, 0, 0), (-3.0718, -0.0698), 87.0, 3.587895,
         (-0.05317, 0.104419, 0.027454), (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641)),
    Link("link5", (-0.0825, 0.384, 0), (-_Q, 0, 0), (-2.8973, 2.8973), 12.0, 1.225946,
         (-0.011953, 0.041065, -0.038437), (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229)),
    Link("link6", (0, 0, 0), (_Q, 0, 0), (-0.0175, 3.7525), 12.0, 1.666555,
         (0.060149, -0.014117, -0.010517), (0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341)),
    Link("link7", (0.088, 0, 0), (_Q, 0, 0), (-2.8973, 2.8973), 12.0, 0.735522,
         (0.010517, -0.004252, 0.061597), (0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741)),
)
# fmt: on
FLANGE_M, HAND_YAW_RAD = 0.107, -np.pi / 4
HAND_MASS_KG, HAND_COM, HAND_INERTIA = 0.73, (-0.01, 0.0, 0.03), (0.001, 0.0025, 0.0017, 0.0, 0.0, 0.0)
FINGER_MASS_KG, FINGER_INERTIA = 0.015, (2.375e-6, 2.375e-6, 7.5e-7, 0.0, 0.0, 0.0)

WRIST_EYE, WRIST_POINT = np.array([0.075, 0.0, 0.04]), np.array([0.022, 0.0, 0.15])  # in the hand's frame [m]
WRIST_FOVY_DEG = 58.0  # that of a RealSense D405

WHITE, GREY, DARK = (0.92, 0.92, 0.94, 1.0), (0.55, 0.56, 0.58, 1.0), (0.15, 0.15, 0.17, 1.0)
# Capsules (from, to, radius) that draw each link, in its own frame, for rendering only: only the hand and fingers
# collide.
_SHAPES: dict[str, tuple[tuple[tuple[float, float, float], tuple[float, float, float], float], ...]] = {
    "link1": (((0, 0, -0.19), (0, 0, 0), 0.06), ((0, -0.06, 0), (0, 0.06, 0), 0.06)),
    "link2": (((0, 0, -0.06), (0, 0, 0.06), 0.06), ((0, -0.06, 0), (0, -0.19, 0), 0.055)),
    "link3": (((0, 0, -0.13), (0, 0, 0), 0.055), ((0.0825, -0.05, 0), (0.0825, 0.05, 0), 0.055)),
    "link4": (((0, 0, -0.05), (0, 0, 0.05), 0.055), ((-0.0825, 0.09, 0), (-0.0825, 0.16, 0), 0.055)),
    "link5": (((0, 0, -0.22), (0, 0, -0.1), 0.055), ((0, 0.06, -0.1), (0, 0.07, 0), 0.04)),
    "link6": (((0, 0, -0.05), (0, 0, 0.05), 0.05), ((0.088, 0, -0.03), (0.088, 0, 0.05), 0.045)),
    "link7": (((0, 0, 0.03), (0, 0, 0.09), 0.042),),
}


def rpy_to_quat_wxyz(rpy: tuple[float, float, float]) -> np.ndarray:
    """Return the wxyz quaternion (4,) of fixed-axis rotations roll, pitch, yaw [rad] (URDF's convention)."""
    quat = np.zeros(4)
    mujoco.mju_euler2Quat(quat, np.asarray(rpy, dtype=float), "XYZ")  # upper case: extrinsic axes
    return quat


def add_arm(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    """Add the arm and gripper with base at the world's origin; return the hand's body, for a camera or tool.

    Creates joints `ARM_JOINTS` and `FINGER_JOINTS`, torque motors of the same names, sites `tcp` and `wrist` (the
    flange, where the force-torque sensor sits), sensors `force` and `torque` and a `wrist` camera.
    """
    parent = spec.worldbody.add_body(name="link0")
    draw_capsule(parent, ((-0.03, 0, 0.05), (0, 0, 0.1), 0.08), WHITE)
    for link in LINKS:
        parent = _add_link(spec, parent, link)
    return add_hand(spec, parent, (0, 0, FLANGE_M), rpy_to_quat_wxyz((0, 0, HAND_YAW_RAD)))


def add_hand(
    spec: mujoco.MjSpec, flange: mujoco.MjsBody, pos: Sequence[float], quat_wxyz: np.ndarray, gripper: bool = True
) -> mujoco.MjsBody:
    """Add the hand with sites, sensors and camera, `TCP_FROM_HAND_M` behind the TCP; return it.

    Without a gripper it has no mass and no shape.
    """
    hand = flange.add_body(name="hand", pos=pos, quat=quat_wxyz)
    hand.add_site(name="wrist", pos=(0, 0, 0))
    hand.add_site(name="tcp", pos=(0, 0, TCP_FROM_HAND_M))
    if gripper:
        _add_palm(hand)
        _add_fingers(spec, hand)
    _add_sensors(spec, hand)
    return hand


def _add_link(spec: mujoco.MjSpec, parent: mujoco.MjsBody, link: Link) -> mujoco.MjsBody:
    body = parent.add_body(
        name=link.name,
        pos=link.xyz,
        quat=rpy_to_quat_wxyz(link.rpy),
        mass=link.mass_kg,
        ipos=link.com,
        fullinertia=link.inertia,
        explicitinertial=True,
    )
    name = link.name.replace("link", "joint")
    body.add_joint(
        name=name, axis=(0, 0, 1), range=link.limits, damping=JOINT_DAMPING, armature=JOINT_ARMATURE, limited=1
    )
    motor = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, forcelimited=1)
    motor.forcerange = (-link.effort, link.effort)
    for number, capsule in enumerate(_SHAPES[link.name]):
        draw_capsule(body, capsule, WHITE if number == 0 else GREY)
    return body


def draw_capsule(body: mujoco.MjsBody, capsule: tuple, rgba: tuple[float, float, float, float]) -> None:
    """Draw a capsule (from, to, radius) in a body's frame; it neither weighs nor collides."""
    start, end, radius = capsule
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CAPSULE,
        fromto=(*start, *end),
        size=(radius, 0, 0),
        rgba=rgba,
        contype=0,
        conaffinity=0,
        mass=0,
        group=1,
    )


def _add_palm(hand: mujoco.MjsBody) -> None:
    hand.mass, hand.ipos, hand.fullinertia, hand.explicitinertial = HAND_MASS_KG, HAND_COM, HAND_INERTIA, True
    box = mujoco.mjtGeom.mjGEOM_BOX
    hand.add_geom(name="palm", type=box, size=(0.02, 0.1, 0.03), pos=(0, 0, 0.03), rgba=WHITE, mass=0, group=1)


def _add_fingers(spec: mujoco.MjSpec, hand: mujoco.MjsBody) -> None:
    box = mujoco.mjtGeom.mjGEOM_BOX
    for name, side in zip(FINGER_JOINTS, (1.0, -1.0), strict=True):
        finger = hand.add_body(
            name=name.replace("_joint", ""),
            pos=(0, 0, 0.0584),
            mass=FINGER_MASS_KG,
            ipos=(0, 0, 0),
            fullinertia=FINGER_INERTIA,
            explicitinertial=True,
        )
        finger.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=(0, side, 0),
            range=(0, FINGER_MAX_M),
            limited=1,
            damping=8.0,
            armature=0.05,
        )
        finger.add_geom(
            name=f"{finger.name}_pad",
            type=box,
            size=(0.01, 0.004, 0.024),
            pos=(0, side * 0.004, 0.0285),
            rgba=DARK,
            mass=0,
            friction=(1.2, 0.02, 0.0005),
            solref=(0.004, 1.0),
            condim=4,
            group=1,
        )
        motor = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, forcelimited=1)
        motor.set_to_position(kp=600.0, kv=60.0)
        motor.forcerange = (-30.0, 30.0)  # the Franka hand grasps with up to 70 N; 30 N holds every part used here
    mimic = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1=FINGER_JOINTS[1], name2=FINGER_JOINTS[0])
    mimic.data[:2] = (0.0, 1.0)  # the fingers share one drive: second = first
    mimic.solref = (0.004, 1.0)


def _add_sensors(spec: mujoco.MjSpec, hand: mujoco.MjsBody) -> None:
    site = mujoco.mjtObj.mjOBJ_SITE
    spec.add_sensor(name="force", type=mujoco.mjtSensor.mjSENS_FORCE, objtype=site, objname="wrist")
    spec.add_sensor(name="torque", type=mujoco.mjtSensor.mjSENS_TORQUE, objtype=site, objname="wrist")
    camera = hand.add_camera(name="wrist", pos=WRIST_EYE, fovy=WRIST_FOVY_DEG)
    camera.quat = look_at(WRIST_EYE, WRIST_POINT, up=np.array([1.0, 0.0, 0.0]))


def look_at(eye: np.ndarray, point: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return the quaternion (4,) wxyz of a MuJoCo camera (view along -z, y up) placed at `eye` (3,) and turned
    towards `point` (3,).
    """
    backward = (eye - point) / np.linalg.norm(eye - point)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, np.stack([right, np.cross(backward, right), backward], axis=1).ravel())
    return quat
