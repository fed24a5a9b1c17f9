"""Kinematics and dynamics from an arm's model file through Pinocchio, for arms that do not report them."""

from typing import Any, Protocol

import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState
from controllers.arms.model_file import check_joints, find_model, reduced_urdf
from controllers.arms.spec import ArmSpec
from controllers.arms.values import ArmFileError, Payload
from controllers.drivers.contract import import_library


class ArmModel(Protocol):
    """Kinematics and dynamics as functions of q and dq."""

    joints: int

    def fill(self, state: ArmState, dynamics: ArmDynamics) -> None:
        """Write p, R, J, M, coriolis and gravity for `state.q` and `state.dq`."""


class PinocchioModel:
    """An `ArmModel` over the `model` of an arm's file, with its frames, TCP and payload; 4 us a call.

    Poses are those of the TCP in `base_frame`, T_base_tcp = T_root_base^-1 T_root_frame T_frame_tcp, and the rows of J
    along that frame's axes.

    Args:
        arm: with a model; that of a UR should be the calibrated one.
        library: Pinocchio, or an object with the same interface; None imports it.

    Raises:
        MissingLibraryError: Pinocchio is not installed.
        ArmFileError: the arm has no model, or the model lacks its frames or joints.
    """

    def __init__(self, arm: ArmSpec, library: Any = None) -> None:
        self._pin = pin = library or import_library("pinocchio", "pin", "ur")
        try:
            self._model = _load(pin, arm)
        except ValueError as error:
            raise ArmFileError(f"{arm.name}: {error}") from error
        self.joints = len(arm.joints)
        if self._model.nq != self.joints or self._model.nv != self.joints:
            raise ArmFileError(
                f"{arm.name}: joints: got {self._model.nv} velocities of {self._model.nq} coordinates in the model, "
                f"expected {self.joints} of each; only hinges and slides of one coordinate can be used."
            )
        if arm.rotor_inertia:
            self._model.armature = np.array(arm.rotor_inertia)
        root = self._frame(arm, "base_frame", arm.base_frame) if arm.base_frame else None
        if root is not None and root.parentJoint != 0:
            raise ArmFileError(f"{arm.name}: base_frame: got '{arm.base_frame}', expected a link that does not move.")
        self._T_base_root = pin.SE3.Identity() if root is None else root.placement.inverse()
        tool = self._frame(arm, "tcp_frame", arm.tcp_frame)
        flange = self._frame(arm, "flange_frame", arm.flange_frame or arm.tcp_frame)
        if arm.payload is not None:
            self._add(arm.payload, flange)
        T_joint_tcp = tool.placement if arm.tcp is None else tool.placement * pin.SE3(arm.tcp.R, arm.tcp.xyz_m)
        tcp = pin.Frame("robot-rl tcp", tool.parentJoint, T_joint_tcp, pin.FrameType.OP_FRAME)
        self._tcp = self._model.addFrame(tcp, False)
        self._data = self._model.createData()

    @property
    def limits(self) -> ArmLimits:
        """Limits of the joints in the model file; inf where it has none."""
        model = self._model
        lower, upper = model.lowerPositionLimit.copy(), model.upperPositionLimit.copy()
        no_rate = np.full(self.joints, np.inf)
        return ArmLimits(lower, upper, model.velocityLimit.copy(), model.effortLimit.copy(), no_rate)

    def _frame(self, arm: ArmSpec, key: str, name: str) -> Any:
        if not self._model.existFrame(name):
            links = [frame.name for frame in self._model.frames if frame.name != "universe"]
            raise ArmFileError(f"{arm.name}: {key}: got '{name}', expected a link of the model: one of {links}.")
        return self._model.frames[self._model.getFrameId(name)]

    def _add(self, payload: Payload, flange: Any) -> None:
        """Attach the payload to the joint that moves the flange."""
        inertia = self._pin.Inertia(payload.mass_kg, payload.com_m, payload.inertia_kg_m2)
        self._model.inertias[flange.parentJoint] += flange.placement.act(inertia)

    def fill(self, state: ArmState, dynamics: ArmDynamics) -> None:
        pin, model, data = self._pin, self._model, self._data
        pin.computeJointJacobians(model, data, state.q)
        R_base_root = self._T_base_root.rotation
        place = self._T_base_root * pin.updateFramePlacement(model, data, self._tcp)
        state.p[:], state.R[:] = place.translation, place.rotation
        J = pin.getFrameJacobian(model, data, self._tcp, pin.LOCAL_WORLD_ALIGNED)
        dynamics.J[:3], dynamics.J[3:] = R_base_root @ J[:3], R_base_root @ J[3:]
        M = pin.crba(model, data, state.q)
        dynamics.M[:] = np.triu(M) + np.triu(M, 1).T  # crba fills the upper triangle
        dynamics.gravity[:] = pin.computeGeneralizedGravity(model, data, state.q)
        dynamics.coriolis[:] = pin.nonLinearEffects(model, data, state.q, state.dq)
        dynamics.coriolis[:] -= dynamics.gravity


def _load(pin: Any, arm: ArmSpec) -> Any:
    """Return Pinocchio's model of the arm's joints only."""
    found = find_model(arm.needed("model"))
    if found.urdf:
        return pin.buildModelFromXML(reduced_urdf(found.path, arm.joints))
    model = pin.buildModelFromMJCF(str(found.path))
    movable = list(model.names)[1:]
    check_joints(found.path, movable, arm.joints)
    others = [model.getJointId(name) for name in movable if name not in arm.joints]
    return pin.buildReducedModel(model, others, pin.neutral(model)) if others else model
