"""What every driver promises, and the values in which it speaks.

One cycle is `read`, law, `write`. `read` refreshes the arrays of `feedback` in place and says how the arm is; `write`
says whether the arm took the torque. Neither raises while an arm is in use: what went wrong is in the next reading.
`connect` and `recover` raise a `DriverError` that says what to do.

A torque never outlives its sender. `stop` ends it at once; where the sender dies or hangs, something on the arm's side
ends it within `Capabilities.watchdog_s`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType
from typing import NamedTuple, Protocol

import numpy as np

from controllers.arm import ArmDynamics, ArmState
from controllers.arms.spec import ArmSpec
from controllers.geometry import FloatArray

LIMIT_SLACK = 1.001  # a torque limit that went through another unit or through float32


class DriverError(Exception):
    """Root of what drivers raise: from `connect` and `recover` only."""


class UnreachableError(DriverError):
    """Nobody answers at the address, or not in the arm's language."""


class UnsupportedFirmwareError(DriverError):
    """The arm's software is not one that this driver can command."""


class MissingPermissionError(DriverError):
    """This process may not run a real-time loop."""


class MissingLibraryError(DriverError):
    """The vendor's library is not installed."""


class ArmNotReadyError(DriverError):
    """The arm answers but cannot take torques: its mode, its operator or its configuration says no."""


class RecoveryError(DriverError):
    """The arm stays stopped: a person has to act, or the arm refused."""


class DriverMode(IntEnum):
    """How the arm is, as its driver sees it."""

    CLOSED = 0  # not connected
    READY = 1  # holds itself; the next `write` starts the torque stream
    RUNNING = 2  # our torques act
    STOPPED = 3  # the arm or its driver ended the stream by itself; `recover` leads back to READY
    LOCKED = 4  # a person has to act at the arm: emergency stop, brakes, guiding, remote control
    LOST = 5  # the arm no longer answers; `connect` again


@dataclass(frozen=True)
class Capabilities:
    """What the connected arm is and can do."""

    name: str
    """The arm and the way to it, for people."""
    firmware: str
    """The arm's software, as far as it says."""
    joints: int
    rate_hz: float
    """Cycles that the arm wants each second [Hz]."""
    paced: bool
    """`read` waits for the arm's next state; otherwise it returns the newest at once and the host keeps time."""
    gravity_in_command: bool
    """The command has to carry gravity's torque. Otherwise the arm adds it."""
    reports_command: bool
    """`feedback.state.tau` is the arm's report; otherwise it is what was sent last."""
    watchdog_s: float
    """At most this long after its last `write` does the torque of a dead or hanging sender act [s]."""


class Feedback(NamedTuple):
    """A driver's arrays: the same ones for its whole life, written by `read`. N joints; frames: the arm's base."""

    state: ArmState  # tau as it was commanded, in the convention of `write`; tau_external nan where the arm has none
    dynamics: ArmDynamics
    tau_measured: FloatArray  # (N,) sensed joint torque [N m]; nan where the arm has no sensor

    @property
    def tau_external(self) -> FloatArray:
        """The state's: (N,) the arm's own estimate of what the surroundings exert on its joints [N m]."""
        return self.state.tau_external


class Reading(NamedTuple):
    """How the arm was at one instant."""

    mode: DriverMode
    reason: str  # why it is not READY or RUNNING, and what to do; empty when all is well
    stamp_s: float  # when this state first reached the host, on the host's monotonic clock [s]
    robot_s: float  # the arm's own time [s]; nan where it has none


class Driver(Protocol):
    """One arm, used by one thread."""

    @property
    def feedback(self) -> Feedback:
        """The arrays that `read` refreshes; bind them once."""
        ...

    def connect(self) -> Capabilities:
        """Open the way to the arm and check everything that can be checked. Moves nothing, clears nothing.

        Raises: DriverError, with what to do.
        """
        ...

    def read(self) -> Reading:
        """Refresh `feedback` and say how the arm is. Where the state is not new, the stamp stays: its age grows."""
        ...

    def write(self, tau: FloatArray) -> bool:
        """Command joint torques (N,) [N m]; False when they were not sent, with the reason in the next reading.

        The first one after `connect`, `stop` or `recover` starts the stream, which may take a tenth of a second.
        A torque that is not finite or beyond the arm's limits is not sent and ends the stream.
        """
        ...

    def stop(self) -> None:
        """End the torque stream now: the arm holds itself. Never raises; harmless when nothing runs."""
        ...

    def recover(self) -> None:
        """Clear what stopped the arm, once, because somebody asked. Does nothing to a healthy arm.

        Raises: RecoveryError, with what a person has to do.
        """
        ...

    def close(self) -> None:
        """`stop`, and let go of the arm. Never raises."""
        ...


@dataclass(frozen=True)
class Requirements:
    """What a driver needs of this computer, for `robot-rl doctor robot`."""

    rate_hz: float = 500.0
    """Of the control loop [Hz]."""
    package: str = ""
    """The vendor's library; empty: none."""
    version: str = ""
    """Of the package: what the driver was tested with."""
    extra: str = ""
    """Of this project, with which the package is installed."""
    port: int = 0
    """On which the arm answers; 0: none to try."""
    preempt_rt: bool = False
    """The kernel has to be fully preemptible."""
    glibc: tuple[int, int] = (2, 17)
    """The oldest C library that the package runs with."""


class DriverClass(Protocol):
    """What an arm's file names as its driver. A class without `REQUIREMENTS` has the usual ones."""

    REQUIREMENTS: Requirements

    @classmethod
    def from_arm(cls, arm: ArmSpec) -> Driver:
        """Return the driver of an arm, not connected.

        Raises:
            ValueError: the arm's file lacks what the driver needs, or has settings that it does not know.
        """
        ...

    @classmethod
    def read_firmware(cls, address: str) -> str:
        """Return the arm's software, for the doctor; moves nothing. May be left out.

        Raises:
            DriverError: nobody answers, or with software that the driver cannot command.
        """
        ...


def make_feedback(joints: int) -> Feedback:
    """Arrays for an arm of `joints` joints, before anything was read: state at zero, measurements nan."""
    n = joints
    state = ArmState(
        np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(3), np.eye(3), np.full(n, np.nan), np.full(1, np.nan)
    )
    dynamics = ArmDynamics(np.zeros((6, n)), np.eye(n), np.zeros(n), np.zeros(n))
    return Feedback(state, dynamics, np.full(n, np.nan))


def closed(stamp_s: float = np.nan) -> Reading:
    """What `read` says without a connection."""
    return Reading(DriverMode.CLOSED, "not connected; call connect()", stamp_s, np.nan)


def torque_fault(tau: FloatArray, tau_max: FloatArray) -> str:
    """Why these torques must not be sent; empty when they may.

    The last line of defence, behind the loop's guards: it looks and never repairs.
    """
    if np.shape(tau) != tau_max.shape:
        return f"torque refused: got shape {np.shape(tau)}, expected {tau_max.shape}; one number for each joint."
    if not np.isfinite(tau).all():
        return f"torque refused: got {np.asarray(tau).tolist()}, expected finite numbers; find why, then recover()."
    beyond = np.abs(tau) > tau_max * LIMIT_SLACK
    if beyond.any():
        joint = int(np.argmax(beyond))
        return (
            f"torque refused: got {tau[joint]:.1f} N m in joint {joint + 1}, expected at most {tau_max[joint]:.1f}; "
            "use the arm's own limits in the loop, then recover()."
        )
    return ""


def import_library(module: str, package: str, extra: str) -> ModuleType:
    """Import a vendor's library, now that it is needed.

    Raises: MissingLibraryError, with how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(
            f"{package}: got {error}, expected it installed; run: pip install -c constraints.txt -e '.[{extra}]'."
        ) from error
