"""An arm of a lab's own in the simulator: the URDF or MJCF of its file, with torque motors from its limits."""

import mujoco
import numpy as np

from controllers.arms.model_file import check_joints, find_model, reduced_urdf
from controllers.arms.spec import ArmSpec, load_arm
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.sim.arm import GREY, JOINT_ARMATURE, JOINT_DAMPING, TCP_FROM_HAND_M, add_hand, draw_capsule

PREFIX = "arm/"  # of the model's names in the scene
RADIUS_M = 0.04  # of the capsules that draw a URDF: its meshes are not read


def find_arm(arm: str) -> ArmSpec:
    """Return an arm to simulate, by name or file.

    Raises:
        ConfigError: it does not exist, or has no model.
    """
    try:
        spec = load_arm(arm)
        spec.needed("model")
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return spec


def add_arm_of_file(spec: mujoco.MjSpec, arm: ArmSpec, gripper: bool) -> mujoco.MjsBody:
    """Add an arm with its `base_frame` at the world's origin and a hand at its TCP; return the hand's body.

    Each joint gets a torque motor of the arm's limits and, where the model has none, armature and damping. As in the
    built-in arm, links do not collide; other joints, motors and sensors of the model are left out.

    Raises:
        ConfigError: no model, or one that does not fit the arm's file.
    """
    try:
        child, at = _load(arm)
    except ValueError as error:
        raise ConfigError(f"{arm.name}: {error}") from error
    base = at.pose(arm.base_frame).inverse() if arm.base_frame else Pose(np.zeros(3), np.eye(3))
    spec.attach(child, frame=spec.worldbody.add_frame(pos=base.p, quat=_quat(base.R)), prefix=PREFIX)
    _add_payload(spec, arm, at)
    offset = Pose(np.zeros(3), np.eye(3)) if arm.tcp is None else Pose(arm.tcp.xyz_m, arm.tcp.R)
    T_tcp_hand = Pose(np.array([0.0, 0.0, -TCP_FROM_HAND_M]), np.eye(3))
    T_link_hand = at.in_body(arm.tcp_frame) @ offset @ T_tcp_hand
    link = spec.body(f"{PREFIX}{at.body(arm.tcp_frame)}")
    return add_hand(spec, link, T_link_hand.p.tolist(), _quat(T_link_hand.R), gripper)


class _Frames:
    """Bodies and sites of a model at its zero pose."""

    def __init__(self, child: mujoco.MjSpec, arm: ArmSpec) -> None:
        self._model = model = child.copy().compile()
        self._data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, self._data)
        self._check(arm)

    def _check(self, arm: ArmSpec) -> None:
        model = self._model
        check_joints(arm.model, [model.joint(number).name for number in range(model.njnt)], arm.joints)
        hinges = model.nq == model.nv == len(arm.joints)
        if not hinges or model.dof_parentid.tolist() != list(range(-1, model.nv - 1)):
            raise ValueError(f"joints: got {list(arm.joints)}, expected one chain of hinges or slides in the model.")
        names = {"tcp_frame": arm.tcp_frame, "flange_frame": arm.flange_frame, "base_frame": arm.base_frame}
        for key, name in names.items():
            if name and self._find(name) is None:
                bodies = [model.body(number).name for number in range(1, model.nbody)]
                raise ValueError(f"{key}: got '{name}', expected a link or site of the model; its links are {bodies}.")
        if arm.base_frame and self._moves(arm.base_frame):
            raise ValueError(f"base_frame: got '{arm.base_frame}', expected a link that does not move.")
        if self._moves(arm.tcp_frame) != model.nv:
            raise ValueError(f"tcp_frame: got '{arm.tcp_frame}', expected a link beyond the last joint.")

    def _find(self, name: str) -> tuple[mujoco.mjtObj, int] | None:
        for kind in (mujoco.mjtObj.mjOBJ_BODY, mujoco.mjtObj.mjOBJ_SITE):
            number = mujoco.mj_name2id(self._model, kind, name)
            if number >= 0:
                return kind, number
        return None

    def _moves(self, name: str) -> int:
        """Return how many joints move a frame."""
        model = self._model
        weld = model.body_weldid[self._body(name)]
        return 0 if weld == 0 else int(model.body_dofadr[weld] + model.body_dofnum[weld])

    def _body(self, name: str) -> int:
        kind, number = self._find(name) or (mujoco.mjtObj.mjOBJ_BODY, 0)
        return number if kind is mujoco.mjtObj.mjOBJ_BODY else int(self._model.site_bodyid[number])

    def body(self, name: str) -> str:
        """Return the name of the body that carries a frame."""
        found: str = self._model.body(self._body(name)).name
        return found

    def pose(self, name: str) -> Pose:
        """Return the frame's pose in the model's world."""
        kind, number = self._find(name) or (mujoco.mjtObj.mjOBJ_BODY, 0)
        data = self._data
        if kind is mujoco.mjtObj.mjOBJ_BODY:
            return Pose(data.xpos[number].copy(), data.xmat[number].reshape(3, 3).copy())
        return Pose(data.site_xpos[number].copy(), data.site_xmat[number].reshape(3, 3).copy())

    def in_body(self, name: str) -> Pose:
        """Return the frame's pose in the body that carries it."""
        return self.pose(self.body(name)).inverse() @ self.pose(name)


def _load(arm: ArmSpec) -> tuple[mujoco.MjSpec, _Frames]:
    found = find_model(arm.needed("model"))
    if found.urdf:
        child = mujoco.MjSpec.from_string(reduced_urdf(found.path, arm.joints))
        child.compiler.fusestatic = False  # keeps the frames
        for body in child.bodies:
            for part in body.bodies:
                if np.linalg.norm(part.pos) > RADIUS_M:
                    draw_capsule(body, ((0.0, 0.0, 0.0), part.pos, RADIUS_M), GREY)
    else:
        child = mujoco.MjSpec.from_file(str(found.path))
        for part in (*child.actuators, *child.sensors, *child.equalities, *child.tendons, *child.keys):
            child.delete(part)
        for joint in child.joints:
            if joint.name not in arm.joints:
                child.delete(joint)
    for number, body in enumerate(child.bodies):
        body.name = body.name or f"body{number}"
    for geom in child.geoms:
        geom.contype = geom.conaffinity = 0
    for joint, *limits in zip(arm.joints, arm.limits.q_lower, arm.limits.q_upper, arm.limits.tau_max, strict=True):
        _drive(child, joint, *limits)
    return child, _Frames(child, arm)


def _drive(child: mujoco.MjSpec, name: str, lower: float, upper: float, tau_max: float) -> None:
    joint = child.joint(name)
    degrees = child.compiler.degree and joint.type == mujoco.mjtJoint.mjJNT_HINGE
    joint.range, joint.limited = np.rad2deg((lower, upper)) if degrees else (lower, upper), 1
    joint.armature = joint.armature or JOINT_ARMATURE
    if not np.any(joint.damping):  # a number, or the coefficients of a polynomial
        joint.damping = JOINT_DAMPING * np.eye(3)[0] if np.ndim(joint.damping) else JOINT_DAMPING
    motor = child.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, forcelimited=1)
    motor.forcerange = (-tau_max, tau_max)


def _add_payload(spec: mujoco.MjSpec, arm: ArmSpec, at: _Frames) -> None:
    load, flange = arm.payload, arm.flange_frame or arm.tcp_frame
    if load is None:
        return
    place, link = at.in_body(flange), spec.body(f"{PREFIX}{at.body(flange)}")
    body = link.add_body(name="payload", pos=place.p, quat=_quat(place.R), explicitinertial=True)
    body.mass, body.ipos = load.mass_kg, load.com_m
    body.fullinertia = [load.inertia_kg_m2[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]


def _quat(R: np.ndarray) -> np.ndarray:
    """Return MuJoCo's quaternion (4,) wxyz of a rotation (3, 3)."""
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, R.ravel())
    return quat
