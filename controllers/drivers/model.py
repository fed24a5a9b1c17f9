"""Kinematics and dynamics from a URDF through Pinocchio, for arms that do not report them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from controllers.arm import ArmDynamics, ArmState
from controllers.arms.spec import Payload
from controllers.drivers.contract import import_library


class ArmModel(Protocol):
    """Kinematics and dynamics as functions of q and dq."""

    joints: int

    def fill(self, state: ArmState, dynamics: ArmDynamics) -> None:
        """Write p, R, J, M, coriolis and gravity for `state.q` and `state.dq`."""
        ...


class PinocchioModel:
    """An `ArmModel` over a URDF; 3 us a call.

    Args:
        urdf: path of the file, or its text. Use the calibrated one of the vendor's tools.
        frame: name of the link that is the TCP.
        payload: what the arm carries beside the model; None: nothing.
        flange: name of the link that carries it; empty: `frame`.
        library: Pinocchio, or an object with the same interface; None imports it.

    Raises:
        MissingLibraryError: Pinocchio is not installed.
        ValueError: an unknown frame, or joints that are not all revolute.
    """

    def __init__(
        self, urdf: str | Path, frame: str, *, payload: Payload | None = None, flange: str = "", library: Any = None
    ) -> None:
        pin = library or import_library("pinocchio", "pin", "ur")
        text = str(urdf)
        from_text = text.lstrip().startswith("<")
        self._pin = pin
        self._model = pin.buildModelFromXML(text) if from_text else pin.buildModelFromUrdf(text)
        for name in (frame, flange or frame):
            if not self._model.existFrame(name):
                raise ValueError(f"frame: got '{name}', expected a link of the URDF; see its <link name=...> entries.")
        if self._model.nq != self._model.nv:
            raise ValueError(
                f"joints: got {self._model.nq} coordinates for {self._model.nv} velocities, expected as many; "
                "give every revolute joint a limit ('continuous' joints have two coordinates)."
            )
        self._frame = self._model.getFrameId(frame)
        self.joints = int(self._model.nv)
        if payload is not None:
            self._add(payload, flange or frame)
        self._data = self._model.createData()

    def _add(self, payload: Payload, flange: str) -> None:
        """Attach the payload to the joint that moves the flange."""
        frame = self._model.frames[self._model.getFrameId(flange)]
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
