"""Base of the two FR3 drivers: libfranka's modes and errors, contact thresholds, payload.

pylibfranka and franky name modes and errors alike, because both wrap libfranka; array shapes differ.
"""

import sys
from abc import abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np

from controllers.arms.spec import ArmSpec, arm_limits
from controllers.arms.values import Payload
from controllers.drivers.contract import (
    ArmNotReadyError,
    ArmReport,
    DriverError,
    DriverMode,
    Feedback,
    MissingLibraryError,
    MissingPermissionError,
    UnreachableError,
    UnsupportedFirmwareError,
    import_library,
)
from controllers.drivers.stream import THIS_COMPUTER, Observed, Platform, StreamDriver
from controllers.geometry import FloatArray

JOINTS = 7
RATE_HZ = 1000.0
SYSTEM = "FR3 with system 5.9 or newer"

DESK = "open Desk in a browser at the arm's address"
_LOCKED = {
    "UserStopped": f"the user stop is pressed or the joints are locked; release it, {DESK} and unlock the joints",
    "Guiding": "the arm is being guided by hand; release the guiding button",
    "Other": f"the arm is in a mode without commands; {DESK}, switch to execution and activate FCI",
}
_STOPPED = {"Reflex": "the arm stopped itself", "AutomaticErrorRecovery": "the arm is clearing its errors"}


@dataclass(frozen=True)
class Contact:
    """Contact thresholds of the arm's own stop (libfranka's upper collision thresholds)."""

    torque_nm: float = 40.0
    """In each joint [N m]; our choice, above the static torque of a clipped impedance."""
    force_n: float = 60.0
    """In each axis of the tool [N], and half of it [N m] about each; the force limit of `make_gains`."""


class LibfrankaDriver(StreamDriver):
    """Common base of both drivers of an FR3.

    Args:
        address: of the arm, as in `172.16.0.2`.
        contact: reflex thresholds to set at `connect`; None leaves them to the library.
        payload: load beyond the hand that is set in Desk; None leaves the arm's own.
        realtime: refuse a computer without real-time permission (libfranka's kEnforce).
        arm: whose limits and system; None: an FR3.
    """

    PACKAGE: ClassVar[str]

    def __init__(
        self,
        address: str,
        *,
        contact: Contact | None = None,
        payload: Payload | None = None,
        realtime: bool = True,
        arm: ArmSpec | None = None,
        platform: Platform = THIS_COMPUTER,
    ) -> None:
        super().__init__(address, JOINTS, arm.limits if arm else arm_limits("fr3"), platform.now_s)
        self._system = arm.setting("system", SYSTEM) if arm else SYSTEM
        self._contact, self._payload, self._realtime = contact, payload, realtime
        self._platform = platform
        self._library: Any = None
        self._robot: Any = None

    @classmethod
    def from_arm(cls, arm: ArmSpec) -> Self:
        """See `DriverClass`. Settings: `contact_torque_nm`, `contact_force_n` (both or one), `realtime`, `system`."""
        arm.check_settings("contact_torque_nm", "contact_force_n", "realtime", "system")
        given = {name: float(arm.settings[f"contact_{name}"]) for name in ("torque_nm", "force_n")
                 if f"contact_{name}" in arm.settings}  # fmt: skip
        contact, realtime = Contact(**given) if given else None, bool(arm.setting("realtime", True))
        return cls(arm.needed("address"), contact=contact, payload=arm.payload, realtime=realtime, arm=arm)

    @classmethod
    def read_firmware(cls, address: str) -> str:
        """See `DriverClass`."""
        driver = cls(address, realtime=False)
        try:
            return driver.connect().firmware
        finally:
            driver.close()

    def report(self) -> ArmReport:
        own, state = self._feedback.state, self._resting()
        com = np.array(state.F_x_Cload, dtype=np.float64)
        own_pose = {"p": own.p.copy(), "R": own.R.copy()}
        return super().report()._replace(**own_pose, payload_kg=float(state.m_load), payload_com_m=com)

    @abstractmethod
    def _resting(self) -> Any:
        """Return the library's state of an arm without a stream."""

    def _set_payload(self) -> None:
        """Set the arm's payload; inertia (3, 3) as 9 numbers, symmetric."""
        if self._payload is not None:
            load = self._payload
            self._robot.set_load(load.mass_kg, load.com_m.tolist(), load.inertia_kg_m2.ravel().tolist())

    def _lost(self, error: Exception) -> bool:
        return type(error).__name__ == "NetworkException"

    def _refusal(self, error: Exception) -> DriverError:
        return refusal(error, self.address, self.PACKAGE, self._system)


def one_of_them(module: str, other: str, package: str) -> ModuleType:
    """Import one of the two libraries, which exclude each other in one process.

    Raises:
        MissingLibraryError: it is not installed, or the other one is imported.
    """
    if other in sys.modules:
        raise MissingLibraryError(
            f"{package}: got {other} already imported in this process, expected one of the two; "
            "they register the same C++ types: run each in its own process."
        )
    return import_library(module, package, "franka")


def observed(state: Any) -> Observed:
    """Return mode and reason of a robot state of either library."""
    name, errors = state.robot_mode.name, _named(state.current_errors)
    if name in _LOCKED:
        return Observed(DriverMode.LOCKED, _LOCKED[name], state.time.to_sec())
    if name in _STOPPED or errors:
        cause = errors or _named(state.last_motion_errors) or "no cause given"
        reason = f"{_STOPPED.get(name, 'the arm has errors')}: {cause}; recover()"
        return Observed(DriverMode.STOPPED, reason, state.time.to_sec())
    return Observed(DriverMode.READY, "", state.time.to_sec())


def take_in(state: Any, T_base_tcp: FloatArray, feedback: Feedback) -> None:
    """Copy the fields common to both libraries: joints, torques, and the tool's pose (4, 4), whose shapes differ.

    libfranka's tau_ext_hat_filtered is tau_J less the model's torques: the torque of the arm on its surroundings,
    opposite in sign to ours.
    """
    arm, _, tau_measured = feedback
    arm.q[:], arm.dq[:], arm.tau[:] = state.q, state.dq, state.tau_J_d
    arm.p[:], arm.R[:] = T_base_tcp[:3, 3], T_base_tcp[:3, :3]
    tau_measured[:], arm.tau_external[:] = state.tau_J, np.negative(state.tau_ext_hat_filtered)


def _named(errors: Any) -> str:
    """Return the names of errors, empty without any. libfranka prints them as `["joint_reflex", ...]`."""
    return str(errors).strip("[] ").replace('"', "")


def refusal(error: Exception, address: str, package: str, system: str = SYSTEM) -> DriverError:
    """Return the error of a failed connection, with the next step."""
    kind, text = type(error).__name__, str(error)
    if kind == "IncompatibleVersionException" or "ncompatible library version" in text:
        return UnsupportedFirmwareError(
            f"arm at {address}: got firmware of another protocol ({text}), expected an {system}; update the "
            f"arm, or install the wheel that fits its system (docs/drivers.md; an FER needs franky for libfranka 0.9)."
        )
    if kind == "RealtimeException":
        return MissingPermissionError(
            f"arm at {address}: got '{text}', expected a real-time kernel and permission; run: robot-rl doctor robot."
        )
    if kind in ("NetworkException", "ProtocolException"):
        return UnreachableError(
            f"arm at {address}: got '{text}', expected an answer on port 1337; check cable and address (robot-rl "
            f"doctor robot --address {address}), {DESK}, unlock the joints, activate FCI."
        )
    return ArmNotReadyError(f"arm at {address}: got {kind} '{text}', expected it to connect; {DESK}.")
