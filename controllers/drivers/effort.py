"""Driver of any arm with an effort interface in ros2_control, behind the watchdog of `effort_watchdog.py`.

The transport is an argument (`EffortLink`): rclpy in `effort_ros.py`, memory in tests.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

import numpy as np

from controllers.arm import ArmLimits
from controllers.drivers.contract import ArmNotReadyError, Capabilities, DriverError, DriverMode, UnreachableError
from controllers.drivers.effort_watchdog import EffortCommand, Kind, WatchdogState, WatchdogStatus
from controllers.drivers.model import ArmModel
from controllers.drivers.stream import THIS_COMPUTER, Observed, Platform, StreamDriver
from controllers.geometry import FloatArray

ANSWER_LIMIT_S = 3.0
ANSWER_POLL_S = 0.02
SILENCE_LIMIT_S = 0.5  # time without joint state or watchdog status after which the arm is lost


class JointSample(NamedTuple):
    """The newest joint state, in the driver's order of joints."""

    q: FloatArray  # (N,) [rad]
    dq: FloatArray  # (N,) [rad/s]
    effort: FloatArray  # (N,) measured [N m]; nan where the arm has no sensor
    robot_s: float  # the message's own stamp [s]


class EffortLink(Protocol):
    """Connection to the arm's computer."""

    def open(self) -> None:
        """Subscribe and advertise."""

    def newest(self) -> JointSample | None:
        """The newest joint state; None before the first."""

    def status(self) -> WatchdogStatus | None:
        """Return the watchdog's last status; None before the first, or when it is older than `SILENCE_LIMIT_S`."""

    def send(self, command: EffortCommand) -> None:
        """Send without waiting."""

    def close(self) -> None:
        """Close the connection."""


class LinkSilent(Exception):
    """Joint states have stopped arriving."""


class EffortDriver(StreamDriver):
    """`Driver` of an arm behind ros2_control.

    Args:
        link: the wire.
        model: kinematics and dynamics; `PinocchioModel` over /robot_description.
        limits: the arm's.
        rate_hz: of the arm's controller manager.
        timeout_s: of the watchdog, as started on the arm's side.
        gravity_in_command: whether the effort must include gravity (not for a Franka or UR).
        silence_s: time without joint state after which the arm is lost.
    """

    def __init__(
        self,
        link: EffortLink,
        model: ArmModel,
        limits: ArmLimits,
        *,
        rate_hz: float = 500.0,
        timeout_s: float = 0.02,
        gravity_in_command: bool = False,
        silence_s: float = SILENCE_LIMIT_S,
        platform: Platform = THIS_COMPUTER,
    ) -> None:
        super().__init__("ros2_control", model.joints, limits, platform.now_s)
        self._link, self._model, self._sleep = link, model, platform.sleep
        self._rate_hz, self._timeout_s, self._gravity_in_command = rate_hz, timeout_s, gravity_in_command
        self._sequence, self._silence_s = 0, silence_s
        self._opened = False

    def _open(self) -> Capabilities:
        self._link.open()
        self._opened = True
        self._await("joint states", lambda: self._link.newest() is not None)
        self._await("status of the effort watchdog", lambda: self._link.status() is not None)
        status = self._link.status()
        self._sequence = status.sequence if status is not None else 0  # continue the sequence of an earlier sender
        return Capabilities(
            name=f"effort interface '{self.address}'",
            firmware="ros2_control",
            joints=self._model.joints,
            rate_hz=self._rate_hz,
            paced=False,
            gravity_in_command=self._gravity_in_command,
            reports_command=False,
            watchdog_s=self._timeout_s,
        )

    def _await(self, what: str, arrived: Callable[[], bool]) -> None:
        for _ in range(round(ANSWER_LIMIT_S / ANSWER_POLL_S)):
            if arrived():
                return
            self._sleep(ANSWER_POLL_S)
        raise UnreachableError(
            f"arm '{self.address}': got no {what} for {ANSWER_LIMIT_S:.0f} s, expected them; start the arm's "
            "controller manager and effort watchdog (docs/drivers.md), and check ROS_DOMAIN_ID."
        )

    def _observe(self) -> Observed:
        sample, status = self._link.newest(), self._link.status()
        if sample is None:
            raise LinkSilent("no joint state")
        if status is None:
            raise LinkSilent(f"no status of its watchdog for {self._silence_s} s, so nothing would end a torque")
        fresh = sample.robot_s != self._reading.robot_s
        if not fresh and self._now_s() - self._reading.stamp_s > self._silence_s:
            raise LinkSilent(f"no joint state for {self._silence_s} s")
        arm = self._feedback.state
        arm.q[:], arm.dq[:] = sample.q, sample.dq
        self._model.fill(arm, self._feedback.dynamics)
        arm.tau[:] = self.tau if self.streaming else self._own_torque()
        self._feedback.tau_measured[:] = sample.effort
        if status.state is WatchdogState.TRIPPED:
            reason = f"the watchdog on the arm's side got no torque for {self._timeout_s} s; recover()"
            return Observed(DriverMode.STOPPED, reason, sample.robot_s)
        return Observed(DriverMode.READY, "", sample.robot_s)

    def _own_torque(self) -> FloatArray:
        """Return the torque that compensates gravity."""
        gravity = self._feedback.dynamics.gravity
        return gravity.copy() if self._gravity_in_command else np.zeros_like(gravity)

    def _send(self, tau: FloatArray) -> None:
        self._say(Kind.EFFORT, tau)

    def _say(self, kind: Kind, tau: FloatArray) -> None:
        self._sequence += 1
        self._link.send(EffortCommand(kind, self._sequence, tau.copy()))

    def _end(self) -> None:
        self._say(Kind.RELEASE, self._own_torque())

    def _forget_stream(self) -> None:
        """Release the watchdog, too: without joint states it may still relay the last effort."""
        if self.streaming:
            with suppress(Exception):  # the connection may be what was lost
                self._end()
        super()._forget_stream()

    def _clear(self) -> None:
        self._say(Kind.RESET, self._own_torque())
        for _ in range(round(ANSWER_LIMIT_S / ANSWER_POLL_S)):
            status = self._link.status()
            if status is not None and status.state is not WatchdogState.TRIPPED:
                return
            self._sleep(ANSWER_POLL_S)
        raise ArmNotReadyError(
            f"arm '{self.address}': got a watchdog that stays tripped, expected it to reset; check its log."
        )

    def _release(self) -> None:
        if self._opened:
            self._opened = False
            self._link.close()

    def _lost(self, error: Exception) -> bool:
        return isinstance(error, LinkSilent)

    def _refusal(self, error: Exception) -> DriverError:
        return UnreachableError(
            f"arm '{self.address}': got '{error}', expected a ROS 2 connection; source ROS's setup.bash first."
        )


def in_order(wanted: Sequence[str], names: Sequence[str], values: Sequence[float]) -> FloatArray:
    """Return the values of the arm's joints, (N,); nan where a message has none (an empty effort, for instance).

    Raises:
        ArmNotReadyError: the message lacks a joint.
    """
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ArmNotReadyError(
            f"joints: got {list(names)}, expected {', '.join(missing)} among them; pass the arm's joint names."
        )
    if len(values) != len(names):
        return np.full(len(wanted), np.nan)
    return np.array([values[list(names).index(name)] for name in wanted], dtype=np.float64)
