"""What both Franka libraries say about the arm, in this house's words: modes, reasons, refusals.

pylibfranka and franky name modes and errors alike, because both wrap libfranka; they differ in how numbers are shaped.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from controllers.arm import KNOWN_ARMS, ArmLimits
from controllers.drivers.contract import (
    ArmNotReadyError,
    DriverError,
    DriverMode,
    Feedback,
    MissingLibraryError,
    MissingPermissionError,
    UnreachableError,
    UnsupportedFirmwareError,
    import_library,
)
from controllers.drivers.stream import Observed
from controllers.geometry import FloatArray

JOINTS = 7
RATE_HZ = 1000.0
SYSTEM_NEEDED = "FR3 with system 5.9 or newer"
LIMITS: ArmLimits = KNOWN_ARMS["fr3"]

DESK = "open Desk in a browser at the arm's address"
_LOCKED = {
    "UserStopped": f"the user stop is pressed or the joints are locked; release it, {DESK} and unlock the joints",
    "Guiding": "somebody guides the arm by hand; let go of the guiding button",
    "Other": f"the arm is in a mode that takes no commands; {DESK}, switch to execution and activate FCI",
}
_STOPPED = {
    "Reflex": "the arm stopped itself",
    "AutomaticErrorRecovery": "the arm is clearing its errors",
}


@dataclass(frozen=True)
class Contact:
    """From which contact on the arm stops by itself (libfranka's upper collision thresholds)."""

    torque_nm: float = 40.0
    """In each joint [N m]; the house's choice, above what a clipped impedance exerts at rest."""
    force_n: float = 60.0
    """In each axis of the tool [N], and half of that number [N m] about it; the force limit of `make_gains`."""


def one_of_them(module: str, other: str, package: str) -> ModuleType:
    """Import one of the two libraries; both in one process break each other.

    Raises: MissingLibraryError.
    """
    if other in sys.modules:
        raise MissingLibraryError(
            f"{package}: got {other} already imported in this process, expected one of the two; "
            "they register the same C++ types: run each in a process of its own."
        )
    return import_library(module, package, "franka")


def observed(state: Any) -> Observed:
    """Mode and reason of a robot state of either library."""
    name, errors = state.robot_mode.name, _named(state.current_errors)
    if name in _LOCKED:
        return Observed(DriverMode.LOCKED, _LOCKED[name], state.time.to_sec())
    if name in _STOPPED or errors:
        cause = errors or _named(state.last_motion_errors) or "no cause given"
        reason = f"{_STOPPED.get(name, 'the arm has errors')}: {cause}; recover()"
        return Observed(DriverMode.STOPPED, reason, state.time.to_sec())
    return Observed(DriverMode.READY, "", state.time.to_sec())


def take_in(state: Any, T_base_tcp: FloatArray, feedback: Feedback) -> None:
    """Copy what both libraries call alike: joints, torques, and the tool's pose (4, 4), which each shapes its own way.

    libfranka's tau_ext_hat_filtered is tau_J less the model's torques: what the arm exerts on its surroundings, the
    opposite of ours.
    """
    arm, _, tau_measured = feedback
    arm.q[:], arm.dq[:], arm.tau[:] = state.q, state.dq, state.tau_J_d
    arm.p[:], arm.R[:] = T_base_tcp[:3, 3], T_base_tcp[:3, :3]
    tau_measured[:], arm.tau_external[:] = state.tau_J, np.negative(state.tau_ext_hat_filtered)


def _named(errors: Any) -> str:
    """The names of errors, empty when there are none. libfranka prints them as `["joint_reflex", ...]`."""
    return str(errors).strip("[] ").replace('"', "")


def lost(error: Exception) -> bool:
    """Whether this error of either library means that the arm no longer answers."""
    return type(error).__name__ == "NetworkException"


def refusal(error: Exception, address: str, package: str) -> DriverError:
    """What a failed connection means, and what to do about it."""
    kind, text = type(error).__name__, str(error)
    if kind == "IncompatibleVersionException" or "ncompatible library version" in text:
        return UnsupportedFirmwareError(
            f"arm at {address}: got firmware of another protocol ({text}), expected an {SYSTEM_NEEDED}; update the "
            f"arm, or install the {package} that fits its system (a first-generation Panda needs libfranka 0.9)."
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
