"""Contract of every driver, and the values that it exchanges.

One cycle is `read`, law, `write`. `read` refreshes the arrays of `feedback` in place and returns the arm's mode;
`write` returns whether the torque was sent. Neither raises while an arm is in use: an error is in the next reading.
`connect` and `recover` raise a `DriverError` that names the next step.

A torque never outlives its sender. `stop` ends it at once; where the sender dies or hangs, a watchdog on the arm's side
ends it within `Capabilities.watchdog_s`.
"""

import importlib
from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType
from typing import NamedTuple, Protocol

import numpy as np

from controllers.arm import ArmDynamics, ArmState
from controllers.arms.spec import ArmSpec
from controllers.geometry import FloatArray

LIMIT_SLACK = 1.001  # tolerance for torque limits converted from another unit or float32


class DriverError(Exception):
    """Base of the drivers' errors, raised by `connect` and `recover` only."""


class UnreachableError(DriverError):
    """No answer at the address, or not in the arm's protocol."""


class UnsupportedFirmwareError(DriverError):
    """The arm's software is not supported by this driver."""


class MissingPermissionError(DriverError):
    """This process may not run a real-time loop."""


class MissingLibraryError(DriverError):
    """The vendor's library is not installed."""


class ArmNotReadyError(DriverError):
    """The arm answers but cannot accept torques in its mode or configuration."""


class RecoveryError(DriverError):
    """The arm stays stopped: a person has to act, or the arm refused."""


class DriverMode(IntEnum):
    """Mode of the arm as seen by its driver."""

    CLOSED = 0  # not connected
    READY = 1  # holds itself; the next `write` starts the torque stream
    RUNNING = 2  # our torques are applied
    STOPPED = 3  # the arm or its driver ended the stream by itself; `recover` returns to READY
    LOCKED = 4  # a person has to act at the arm: emergency stop, brakes, guiding, remote control
    LOST = 5  # the arm no longer answers; `connect` again


@dataclass(frozen=True)
class Capabilities:
    """Properties of the connected arm."""

    name: str
    """Description of the arm and its connection."""
    firmware: str
    """Version of the arm's software, if reported."""
    joints: int
    rate_hz: float
    """Cycle rate of the arm [Hz]."""
    paced: bool
    """`read` waits for the arm's next state; otherwise it returns the newest at once and the loop keeps time."""
    gravity_in_command: bool
    """The command includes gravity; otherwise the arm adds it."""
    reports_command: bool
    """`feedback.state.tau` is the arm's report; otherwise it is the last command."""
    watchdog_s: float
    """Longest time for which the torque of a dead or hanging sender acts after its last `write` [s]."""
    cycle_s: float = 0.0
    """The arm refuses a torque that changes too fast within one of its own cycles of this length [s], which
    `Reading.robot_s` counts; 0: it does not, or its driver limits the rate."""


class Feedback(NamedTuple):
    """A driver's arrays, the same objects throughout, written by `read`. N joints; frames: the arm's base."""

    state: ArmState  # tau as it was commanded, in the convention of `write`; tau_external nan where the arm has none
    dynamics: ArmDynamics
    tau_measured: FloatArray  # (N,) sensed joint torque [N m]; nan where the arm has no sensor

    @property
    def tau_external(self) -> FloatArray:
        """The state's (N,) estimate of external torques [N m] by the arm itself."""
        return self.state.tau_external


class ArmReport(NamedTuple):
    """What a connected arm reports of itself, in its controller's own frames; nan where it does not."""

    q: FloatArray  # (N,) [rad]
    tau_measured: FloatArray  # (N,) [N m]
    p: FloatArray = np.full(3, np.nan)  # of the TCP that is set on the arm [m]
    R: FloatArray = np.eye(3)
    payload_kg: FloatArray | float = np.nan  # set on the arm
    payload_com_m: FloatArray = np.full(3, np.nan)  # in the flange's frame
    tau_external: FloatArray = np.full(1, np.nan)  # (N,) its own estimate beside model and payload [N m]


class Reading(NamedTuple):
    """State of the arm at one instant."""

    mode: DriverMode
    reason: str  # why it is not READY or RUNNING, and the next step; else empty
    stamp_s: float  # when this state first reached the host, on the host's monotonic clock [s]
    robot_s: float  # the arm's own time [s]; nan where it has none
    attended: bool = False  # only a person may request the recovery, after an inspection


class Driver(Protocol):
    """One arm, used by one thread."""

    @property
    def feedback(self) -> Feedback:
        """The arrays that `read` refreshes; bind them once."""

    def connect(self) -> Capabilities:
        """Connect to the arm and check everything that can be checked. Moves nothing, clears nothing.

        Raises:
            DriverError: the text names the next step.
        """

    def read(self) -> Reading:
        """Refresh `feedback` and return the arm's mode.

        The stamp of a state that is not new stays, so its age grows.
        """

    def write(self, tau: FloatArray) -> bool:
        """Command joint torques (N,) [N m]; return False when they were not sent, with the reason in the next reading.

        The first one after `connect`, `stop` or `recover` starts the stream, which may take a tenth of a second.
        A torque that is not finite or beyond the arm's limits is not sent and ends the stream.
        """

    def stop(self) -> None:
        """End the torque stream now: the arm holds itself. Never raises; does nothing without a stream."""

    def recover(self) -> None:
        """Clear the stop once, on request. Does nothing to a healthy arm.

        Raises:
            RecoveryError: a person has to act; the text says how.
        """

    def close(self) -> None:
        """Stop and disconnect. Never raises."""


@dataclass(frozen=True)
class Requirements:
    """A driver's requirements of this computer, for `robot-rl doctor robot`."""

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
    thread_priority: int = 0
    """SCHED_FIFO priority of the threads that the package starts; 0: ordinary scheduling."""
    joint_states: bool = False
    """The arm's own nodes publish `joint_states` in its namespace; the controller must not, lest the driver read it."""


class DriverClass(Protocol):
    """A driver class that an arm's file names. A class without `REQUIREMENTS` has the usual ones."""

    REQUIREMENTS: Requirements

    @classmethod
    def from_arm(cls, arm: ArmSpec) -> Driver:
        """Return the driver of an arm, not connected.

        Raises:
            ValueError: the arm's file lacks what the driver needs, or has settings that it does not know.
        """

    @classmethod
    def read_firmware(cls, address: str) -> str:
        """Return the arm's software, for the doctor; moves nothing. May be left out.

        Raises:
            DriverError: no answer, or software that the driver does not support.
        """


def make_feedback(joints: int) -> Feedback:
    """Return the initial arrays of an arm of `joints` joints: state at zero, measurements nan."""
    n = joints
    state = ArmState(
        np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(3), np.eye(3), np.full(n, np.nan), np.full(1, np.nan)
    )
    dynamics = ArmDynamics(np.zeros((6, n)), np.eye(n), np.zeros(n), np.zeros(n))
    return Feedback(state, dynamics, np.full(n, np.nan))


def closed(stamp_s: float = np.nan) -> Reading:
    """Return the reading without a connection."""
    return Reading(DriverMode.CLOSED, "not connected; call connect()", stamp_s, np.nan)


def torque_fault(tau: FloatArray, tau_max: FloatArray) -> str:
    """Return why these torques must not be sent; empty when they may.

    A final check behind the loop's guards, which never modifies a torque.
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
    """Import a vendor's library on first use.

    Raises:
        MissingLibraryError: the text holds the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(
            f"{package}: got {error}, expected it installed; run: pip install -c constraints.txt -e '.[{extra}]'."
        ) from error
