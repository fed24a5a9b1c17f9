"""Base of the drivers of real arms: modes, latched faults, stamps, and conditions of a torque.

A driver implements six short methods over its library, which may raise any of the library's errors.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from controllers.arm import ArmLimits
from controllers.drivers.contract import (
    ArmReport,
    Capabilities,
    DriverError,
    DriverMode,
    Feedback,
    Reading,
    RecoveryError,
    closed,
    make_feedback,
    torque_fault,
)
from controllers.drivers.machine import Machine, read_machine
from controllers.geometry import FloatArray

SETTLE_S = 0.2  # time in which the state follows the answer to a recovery
_OPEN_TO_TORQUE = (DriverMode.READY, DriverMode.RUNNING)


class Platform(NamedTuple):
    """A driver's access to its computer; tests pass substitutes."""

    library: Any = None
    """The vendor's, or an object with the same interface; None imports it."""
    machine: Callable[[], Machine] = read_machine
    now_s: Callable[[], float] = time.monotonic
    """The loop's clock [s]."""
    sleep: Callable[[float], None] = time.sleep


THIS_COMPUTER = Platform()


class Observed(NamedTuple):
    """Mode reported by the arm; READY covers READY and RUNNING."""

    mode: DriverMode
    reason: str
    robot_s: float  # the arm's own time [s]
    attended: bool = False  # only a person may request the recovery


class StreamDriver(ABC):
    """A `Driver` except for the six abstract methods."""

    def __init__(
        self, address: str, joints: int, limits: ArmLimits, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.address = address
        self.streaming = False
        self.tau = np.zeros(joints)  # the last torque that was sent
        self._limits, self._now_s = limits, now_s
        self._feedback = make_feedback(joints)
        self._fault = ""  # cause of the stream's end; stays until recover()
        self._reading = closed()

    @property
    def feedback(self) -> Feedback:
        return self._feedback

    def connect(self) -> Capabilities:
        self.close()
        try:
            capabilities = self._open()
            self._take(self._observe())
        except DriverError:
            self._release()
            raise
        except Exception as error:
            self._release()
            raise self._refusal(error) from error
        return capabilities

    def report(self) -> ArmReport:
        """Return what the connected arm reports of itself, for the doctor; a driver adds its arm's TCP and payload."""
        own = self._feedback
        return ArmReport(own.state.q.copy(), own.tau_measured.copy(), tau_external=own.tau_external.copy())

    def read(self) -> Reading:
        if self._reading.mode not in (DriverMode.CLOSED, DriverMode.LOST):
            try:
                self._take(self._observe())
            except Exception as error:
                self._broken(error)
        return self._reading

    def write(self, tau: FloatArray) -> bool:
        if self._reading.mode not in _OPEN_TO_TORQUE:
            return False
        if fault := torque_fault(tau, self._limits.tau_max):
            self.stop()
            self._latch(fault)
            return False
        try:
            self._send(tau)
        except Exception as error:
            self._broken(error)
            return False
        self.tau[:] = tau
        self.streaming = True
        return True

    def stop(self) -> None:
        if not self.streaming:
            return
        self.streaming = False
        try:
            self._end()
        except Exception as error:  # the arm ended it first, or is lost
            self._broken(error)
        self.tau[:] = 0.0
        if self._reading.mode is DriverMode.RUNNING:
            self._reading = self._reading._replace(mode=DriverMode.READY)

    def recover(self) -> None:
        if self._reading.mode in (DriverMode.CLOSED, DriverMode.LOST):
            raise RecoveryError(f"arm at {self.address}: got no connection, expected one; connect() first.")
        self.stop()
        try:
            found = self._observe()
            if found.mode is DriverMode.STOPPED:
                self._clear()
                end_s = self._now_s() + SETTLE_S
                while (found := self._observe()).mode is DriverMode.STOPPED and self._now_s() < end_s:
                    continue  # a state from before the answer may be on its way still
            if found.mode is DriverMode.READY:
                self._prepare()
        except DriverError:
            raise
        except Exception as error:
            raise RecoveryError(
                f"arm at {self.address}: got '{error}', expected it to recover; check the arm."
            ) from error
        if found.mode is not DriverMode.READY:
            raise RecoveryError(f"arm at {self.address}: got {found.mode.name}, expected READY; {found.reason}.")
        self._fault = ""
        self._take(found)

    def close(self) -> None:
        self.stop()
        self._release()
        self._fault = ""
        self._reading = closed(self._reading.stamp_s)

    def _take(self, found: Observed) -> None:
        """Return the reading of an observation. The stamp is that of the first reading of this state."""
        mode, reason = found.mode, found.reason
        if mode is DriverMode.READY and self._fault:
            mode, reason = DriverMode.STOPPED, self._fault
        elif mode is DriverMode.READY and self.streaming:
            mode = DriverMode.RUNNING
        elif mode is not DriverMode.READY:
            self._forget_stream()
        stamp_s = self._reading.stamp_s if found.robot_s == self._reading.robot_s else self._now_s()
        self._feedback.state.stamp_s[0] = stamp_s
        self._reading = Reading(mode, reason, stamp_s, found.robot_s, found.attended and mode is DriverMode.STOPPED)

    def _broken(self, error: Exception) -> None:
        """Handle a library error: the arm is lost, or it ended the stream."""
        self._forget_stream()
        if self._lost(error):
            reason = f"no answer from {self.address}: {error}; check power and cable, connect() again"
            self._reading = self._reading._replace(mode=DriverMode.LOST, reason=reason)
        else:
            self._latch(f"the arm ended the stream: {self._words(error)}; recover()")

    def _forget_stream(self) -> None:
        self.streaming = False
        self.tau[:] = 0.0
        self._abandon()

    def _latch(self, fault: str) -> None:
        self._fault = fault
        self._reading = self._reading._replace(mode=DriverMode.STOPPED, reason=fault)

    def _words(self, error: Exception) -> str:
        """Return the text of the library's error."""
        return str(error)

    def _prepare(self) -> None:
        """Prepare the next stream, outside the loop's time."""
        return

    def _abandon(self) -> None:
        """Drop the state of a stream that the arm has ended, without communication."""
        return

    # ---- implemented by each driver ----

    @abstractmethod
    def _open(self) -> Capabilities:
        """Connect and check, without changing the arm."""

    @abstractmethod
    def _observe(self) -> Observed:
        """Read the newest state into `feedback`."""

    @abstractmethod
    def _send(self, tau: FloatArray) -> None:
        """Send a torque; start the stream when `streaming` is False."""

    @abstractmethod
    def _end(self) -> None:
        """End the stream."""

    @abstractmethod
    def _clear(self) -> None:
        """Request the arm, once, to clear its errors."""

    @abstractmethod
    def _release(self) -> None:
        """Close the connection; never raises, does nothing without one."""

    @abstractmethod
    def _lost(self, error: Exception) -> bool:
        """Return whether this error means that the arm no longer answers."""

    @abstractmethod
    def _refusal(self, error: Exception) -> DriverError:
        """Return the error of a failed `_open`, with the next step."""
