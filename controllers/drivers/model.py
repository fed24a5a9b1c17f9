"""Kinematics and dynamics of an arm that does not compute its own: Pinocchio over the arm's URDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from controllers.arm import ArmDynamics, ArmState
from controllers.arms.spec import Payload
from controllers.drivers.contract import import_library


class ArmModel(Protocol):
    """Fills in what follows from q and dq."""

    joints: int

    def fill(self, state: ArmState, dynamics: ArmDynamics) -> None:
        """Write p, R, J, M, coriolis and gravity for `state.q` and `state.dq`."""
        ...


class PinocchioModel:
    """An `ArmModel` over a URDF; 3 us a call.

    Args:
        urdf: path of the file, or its text. Take the calibrated one that the arm's vendor tools write.
        frame: name of the link that is the TCP.
        payload: what the last link carries, in `frame`; None: nothing beside the model.
        library: Pinocchio, or something with its surface; None imports it.

    Raises: MissingLibraryError; ValueError for an unknown frame or joints that are not all revolute.
    """

    def __init__(self, urdf: str | Path, frame: str, *, payload: Payload | None = None, library: Any = None) -> None:
        pin = library or import_library("pinocchio", "pin", "ur")
        text = str(urdf)
        from_text = text.lstrip().startswith("<")
        self._pin = pin
        self._model = pin.buildModelFromXML(text) if from_text else pin.buildModelFromUrdf(text)
        if not self._model.existFrame(frame):
            raise ValueError(f"frame: got '{frame}', expected a link of the URDF; look at its <link name=...> entries.")
        if self._model.nq != self._model.nv:
            raise ValueError(
                f"joints: got {self._model.nq} coordinates for {self._model.nv} velocities, expected as many; "
                "give every revolute joint a limit ('continuous' joints have two coordinates)."
            )
        self._frame = self._model.getFrameId(frame)
        self.joints = int(self._model.nv)
        if payload is not None:
            self._add(payload)
        self._data = self._model.createData()

    def _add(self, payload: Payload) -> None:
        """Rigidly attach the payload to the joint that moves the frame."""
        frame = self._model.frames[self._frame]
        inertia = self._pin.Inertia(payload.mass_kg, payload.com_m, payload.inertia_kg_m2)
        self._model.inertias[frame.parentJoint] += frame.placement.act(inertia)

    def fill(self, state: ArmState, dynamics: ArmDynamics) -> None:
        """See `ArmModel`."""
        pin, model, data = self._pin, self._model, self._data
        pin.computeJointJacobians(model, data, state.q)
        place = pin.updateFramePlacement(model, data, self._frame)
        state.p[:], state.R[:] = place.translation, place.rotation
        dynamics.J[:] = pin.getFrameJacobian(model, data, self._frame, pin.LOCAL_WORLD_ALIGNED)
        M = pin.crba(model, data, state.q)
        dynamics.M[:] = M
        for row in range(1, self.joints):  # crba fills the upper triangle
            dynamics.M[row, :row] = M[:row, row]
        dynamics.gravity[:] = pin.computeGeneralizedGravity(model, data, state.q)
        dynamics.coriolis[:] = pin.nonLinearEffects(model, data, state.q, state.dq)
        dynamics.coriolis[:] -= dynamics.gravity
