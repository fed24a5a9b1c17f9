"""Driver of a UR e-Series arm through ur-rtde: direct joint torques at 500 Hz.

The library uploads a script to the arm; the script applies the newest torque in every cycle, for ever, unless its
watchdog is set. This driver sets it before the first torque: when the sender dies the script ends, and the arm brakes.

Three properties of the wheel (1.6.5): its script calls direct_torque from PolyScope 5.26 on and does
nothing below, though PolyScope has the function from 5.23; it ignores the friction scales, so
friction is not compensated; the arm does not report the commanded torque, so `feedback.state.tau` is the last command.
The external torque is that of the force-torque sensor in the flange (an estimate from torques would hold the friction).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from controllers.arm import ArmLimits
from controllers.arms.spec import ArmSpec
from controllers.arms.values import Payload
from controllers.drivers.contract import (
    ArmNotReadyError,
    ArmReport,
    Capabilities,
    DriverError,
    DriverMode,
    Requirements,
)
from controllers.drivers.machine import require_realtime
from controllers.drivers.model import ArmModel, PinocchioModel
from controllers.drivers.stream import THIS_COMPUTER, Observed, Platform, StreamDriver
from controllers.drivers.ur_dashboard import PACKAGE, check_version, identify, import_ur, unreachable
from controllers.geometry import FloatArray, matrix_from_quat, quat_exp, quat_from_matrix, rotation_error

JOINTS = 6
RATE_HZ = 500.0
WATCHDOG_HZ = 25.0  # the script ends when nothing comes for one period; setting it takes a handshake of some cycles
BASE = "base"  # frame of the controller's poses in ur_description: its root base_link is turned by pi against it
MODEL_TOLERANCE_M, MODEL_TOLERANCE_RAD = 0.005, 0.02
STOP_RAD_S2 = 2.0  # ur-rtde's default deceleration
WAIT_LIMIT_S = 10.0  # for a protective stop to unlock, and for the script to start
UNLOCK_AFTER_S = 5.0  # the arm refuses to unlock a younger protective stop
POLL_S = 0.02
SILENCE_S = 1.5  # without a state the arm is lost: at 2.5 s ur-rtde frees its socket, and a write meanwhile crashes it

ROBOT_MODE_RUNNING = 7
SAFETY_NORMAL, SAFETY_REDUCED, SAFETY_PROTECTIVE_STOP = 1, 2, 3
_LOCKED = {  # safety mode -> next step
    4: "the arm is in safety recovery; move it back within its limits from the pendant",
    5: "a safeguard stop is active; close the safeguard",
    6: "the system's emergency stop is pressed; release it and power the arm on from the pendant",
    7: "the arm's emergency stop is pressed; release it and power the arm on from the pendant",
    8: "a safety violation; check the pendant's log and restart the safety system there",
    9: "a safety fault; check the pendant's log and restart the safety system there",
}


class ConnectionEnded(Exception):
    """The arm's data stream has ended."""


class ScriptEnded(Exception):
    """The script on the arm has ended."""


class UrDriver(StreamDriver):
    """`Driver` of a UR arm.

    Args:
        address: of the arm.
        model: its kinematics and dynamics; `PinocchioModel` over the arm's calibrated URDF.
        limits: as in the arm's file.
        payload: what the flange carries; None leaves what is set on the pendant.
        realtime: refuse a computer that does not permit real-time priority.
        unlock_unattended: allow the loop to unlock a protective stop by itself, within its recovery budget. Universal
            Robots' manual: inspect the cause of a protective stop before unlocking.
        platform: its `library` has rtde_control, rtde_receive and dashboard_client as attributes; it sleeps until a
            protective stop is unlocked.
    """

    REQUIREMENTS = Requirements(RATE_HZ, PACKAGE, "1.6.5", "ur", 30004, thread_priority=85)

    def __init__(
        self,
        address: str,
        model: ArmModel,
        limits: ArmLimits,
        *,
        payload: Payload | None = None,
        realtime: bool = True,
        unlock_unattended: bool = False,
        platform: Platform = THIS_COMPUTER,
    ) -> None:
        super().__init__(address, JOINTS, limits, platform.now_s)
        self._model, self._payload, self._realtime = model, payload, realtime
        self._platform, self._unlock_unattended = platform, unlock_unattended
        self._stopped_s = np.inf  # since when the protective stop is known
        self._library: Any = None
        self._dashboard: Any = None
        self._receive: Any = None
        self._control: Any = None
        self._watched = False  # the script's watchdog runs, and must be fed between streams, too
        self._state_s = (0.0, 0.0)  # the arm's and this computer's time of the newest state

    @classmethod
    def from_arm(cls, arm: ArmSpec) -> "UrDriver":
        """See `DriverClass`. Settings: `realtime`, `unlock_unattended`."""
        arm.check_settings("realtime", "unlock_unattended")
        options: dict[str, Any] = {name: bool(value) for name, value in arm.settings.items()}
        model = PinocchioModel(arm if arm.base_frame else replace(arm, base_frame=BASE))
        return cls(arm.needed("address"), model, arm.limits, payload=arm.payload, **options)

    @classmethod
    def read_firmware(cls, address: str) -> str:
        """See `DriverClass`."""
        return ", ".join(reversed(identify(address)))

    def _open(self) -> Capabilities:
        if self._realtime:
            require_realtime(self._platform.machine(), preempt_rt=False)
        library = self._platform.library or import_ur()
        self._dashboard = library.dashboard_client.DashboardClient(self.address)
        self._dashboard.connect()
        version, arm = self._dashboard.polyscopeVersion(), self._dashboard.getRobotModel()
        check_version(version, self.address)
        self._receive = library.rtde_receive.RTDEReceiveInterface(self.address, RATE_HZ)
        self._library = library
        found = self._check_ready()
        self._check_model()
        if found.mode is DriverMode.READY:  # a protective stop refuses scripts; then the first write uploads it
            self._upload()
        return Capabilities(
            name=f"{arm} at {self.address} through ur-rtde",
            firmware=f"PolyScope {version}",
            joints=JOINTS,
            rate_hz=RATE_HZ,
            paced=False,
            gravity_in_command=False,
            reports_command=False,
            watchdog_s=1.0 / WATCHDOG_HZ,
        )

    def report(self) -> ArmReport:
        receive, pose, R = self._receive, self._receive.getActualTCPPose(), np.empty((3, 3))
        matrix_from_quat(quat_exp(np.array(pose[3:])), R)
        load = receive.getPayload(), np.array(receive.getPayloadCog())
        return super().report()._replace(p=np.array(pose[:3]), R=R, payload_kg=load[0], payload_com_m=load[1])

    def _upload(self) -> None:
        self._control = self._library.rtde_control.RTDEControlInterface(self.address, RATE_HZ)
        if self._payload is not None:
            self._control.setPayload(self._payload.mass_kg, self._payload.com_m.tolist())

    def _check_ready(self) -> Observed:
        """Refuse states that only a person can change. A protective stop is left to `recover`."""
        if not self._dashboard.isInRemoteControl():
            raise ArmNotReadyError(
                f"arm at {self.address}: got local control, expected remote control; switch it on the pendant "
                "(Settings, System, Remote Control, then the icon at the top right)."
            )
        found = self._mode()
        if found.mode is DriverMode.LOCKED:
            raise ArmNotReadyError(f"arm at {self.address}: got a locked arm, expected a running one; {found.reason}.")
        return found

    def _check_model(self) -> None:
        """Refuse a model of another arm, or another TCP than the arm's own: the law would command wrong forces."""
        self._copy()
        actual = np.asarray(self._receive.getActualTCPPose())
        own = self._feedback.state
        gap_m = float(np.linalg.norm(actual[:3] - own.p))
        gap_rad = float(np.linalg.norm(rotation_error(quat_exp(actual[3:]), quat_from_matrix(own.R))))
        if gap_m > MODEL_TOLERANCE_M or gap_rad > MODEL_TOLERANCE_RAD:
            raise ArmNotReadyError(
                f"model: got a TCP {1e3 * gap_m:.0f} mm and {gap_rad:.3f} rad away from the arm's own, expected at "
                f"most {1e3 * MODEL_TOLERANCE_M:.0f} mm and {MODEL_TOLERANCE_RAD} rad; use this arm's calibrated URDF, "
                f"the base_frame '{BASE}', and set the TCP of the arm's file on the pendant."
            )

    def _observe(self) -> Observed:
        control = self._control
        if not self._receive.isConnected() or (control is not None and not control.isConnected()):
            raise ConnectionEnded("the data stream ended")
        self._copy()
        found = self._mode()
        if found.robot_s != self._state_s[0]:
            self._state_s = found.robot_s, self._now_s()
        if self._now_s() - self._state_s[1] > SILENCE_S:
            raise ConnectionEnded(f"no state for {SILENCE_S} s")
        running = control is not None and control.isProgramRunning()
        if self.streaming and not running and found.mode is DriverMode.READY:
            raise ScriptEnded(f"its script ended; no torque for {1e3 / WATCHDOG_HZ:.0f} ms, or see the pendant's log")
        self._watched = self._watched and running
        if self._watched and not self.streaming:
            control.kickWatchdog()
        return found

    def _copy(self) -> None:
        receive, arm = self._receive, self._feedback.state
        arm.q[:], arm.dq[:], arm.tau[:] = receive.getActualQ(), receive.getActualQd(), self.tau
        self._model.fill(arm, self._feedback.dynamics)
        arm.tau_external[:] = self._feedback.dynamics.J.T @ np.asarray(receive.getActualTCPForce())

    def _mode(self) -> Observed:
        robot_s, safety = self._receive.getTimestamp(), self._receive.getSafetyMode()
        self._stopped_s = min(self._stopped_s, self._now_s()) if safety == SAFETY_PROTECTIVE_STOP else np.inf
        if safety == SAFETY_PROTECTIVE_STOP:
            reason = "protective stop: inspect the arm, see the pendant for the cause; recover()"
            return Observed(DriverMode.STOPPED, reason, robot_s, attended=not self._unlock_unattended)
        if safety not in (SAFETY_NORMAL, SAFETY_REDUCED):
            advice = _LOCKED.get(safety, "check the pendant")
            return Observed(DriverMode.LOCKED, f"safety mode {safety}: {advice}", robot_s)
        if (mode := self._receive.getRobotMode()) != ROBOT_MODE_RUNNING:
            advice = "power the arm on and release the brakes from the pendant"
            return Observed(DriverMode.LOCKED, f"robot mode {mode}: {advice}", robot_s)
        return Observed(DriverMode.READY, "", robot_s)

    def _send(self, tau: FloatArray) -> None:
        if not self.streaming:
            self._start()
        if not self._control.directTorque(tau.tolist()):
            raise ScriptEnded("its script did not accept the torque; see the pendant's log")

    def _start(self) -> None:
        self._prepare()
        if not self._watched and not self._control.setWatchdog(WATCHDOG_HZ):
            raise ScriptEnded("its script's watchdog was not set; without it a torque would outlive its sender")
        self._watched = True

    def _prepare(self) -> None:
        """Wait until the script runs: `reuploadScript` returns before that."""
        if self._control is None:
            self._upload()
        elif not self._control.isProgramRunning():
            self._watched = False
            self._control.reuploadScript()
        if not self._await(self._control.isProgramRunning):
            raise ScriptEnded("its script did not start; see the pendant's log")

    def _await(self, happened: Callable[[], bool]) -> bool:
        for _ in range(round(WAIT_LIMIT_S / POLL_S)):
            if happened():
                return True
            self._platform.sleep(POLL_S)
        return False

    def _end(self) -> None:
        """Brake without waiting: while ur-rtde waits it feeds no watchdog, which would end the script."""
        self._control.stopJ(STOP_RAD_S2, True)

    def _clear(self) -> None:
        """Unlock a protective stop, once the arm permits it."""
        self._platform.sleep(max(0.0, UNLOCK_AFTER_S + POLL_S - (self._now_s() - self._stopped_s)))
        self._dashboard.closeSafetyPopup()
        self._dashboard.unlockProtectiveStop()
        if self._await(lambda: self._receive.getSafetyMode() != SAFETY_PROTECTIVE_STOP):
            return
        raise ArmNotReadyError(
            f"arm at {self.address}: got a protective stop that stays, expected it to unlock; check the pendant and "
            "recover() again."
        )

    def _release(self) -> None:
        """Close the connection. A command on a lost one makes ur-rtde reconnect in two threads at once, and crash."""
        control, receive, dashboard = self._control, self._receive, self._dashboard
        lost = self._reading.mode is DriverMode.LOST
        self._control = self._receive = self._dashboard = None
        self._watched = False
        for ending in (
            control.stopScript if control and not lost else None,
            control and control.disconnect,
            receive and receive.disconnect,
            dashboard and dashboard.disconnect,
        ):
            _quietly(ending)

    def _lost(self, error: Exception) -> bool:
        return isinstance(error, ConnectionEnded) or (self._receive is not None and not self._receive.isConnected())

    def _refusal(self, error: Exception) -> DriverError:
        return unreachable(self.address, error)


def _quietly(ending: Callable[[], None] | None) -> None:
    """Close a connection that may be closed already."""
    if ending is None:
        return
    try:
        ending()
    except Exception:
        return
