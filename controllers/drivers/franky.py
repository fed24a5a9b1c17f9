"""An FR3 through franky-control: its C++ thread runs the 1 kHz exchange, Python only hands it the newest torque.

For computers that cannot keep a cycle of 1 ms. The C++ loop limits the torque's rate and ends the motion when no torque
arrives for `SIGNAL_TIMEOUT_S`; where the whole process dies, the arm's firmware stops as with `FrankaDriver`. `read`
returns at once: the loop keeps time.
"""

import contextlib
from typing import Any

from controllers.drivers import libfranka
from controllers.drivers.contract import Capabilities, Requirements
from controllers.drivers.machine import require_realtime
from controllers.drivers.stream import Observed
from controllers.geometry import FloatArray

PACKAGE = "franky-control"
SIGNAL_TIMEOUT_S = 0.05  # franky's own default
MAX_DELTA_TAU_NM = 0.9  # per 1 ms cycle, below the 1000 N m/s of the arm's interface
NO_FILTER_HZ = 1000.0  # libfranka's kMaxCutoffFrequency; franky's default of 100 Hz delays the torque by 1.6 ms
STOP_LIMIT_S = 3.0  # franky's stop motion ends after 2 s at the latest


class MotionEnded(Exception):
    """The C++ loop has ended without a reason from franky."""


class FrankyDriver(libfranka.LibfrankaDriver):
    """`Driver` of an FR3 over franky's C++ torque loop.

    franky always sets contact thresholds when it connects: None for `contact` means those of `Contact()`.
    """

    PACKAGE = PACKAGE
    REQUIREMENTS = Requirements(
        libfranka.RATE_HZ, PACKAGE, "2.0.0", "franka", 1337, preempt_rt=True, glibc=(2, 34), thread_priority=85
    )

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(address, **options)
        self._motion: Any = None

    def _open(self) -> Capabilities:
        if self._realtime:
            require_realtime(self._platform.machine(), preempt_rt=True)
        library = self._platform.library or libfranka.one_of_them("franky", "pylibfranka", PACKAGE)
        self._library = library
        contact = self._contact or libfranka.Contact()
        self._robot = library.Robot(
            self.address,
            default_torque_threshold=contact.torque_nm,
            default_force_threshold=contact.force_n,
            realtime_config=library.RealtimeConfig.Enforce if self._realtime else library.RealtimeConfig.Ignore,
        )
        force = [contact.force_n] * 3 + [0.5 * contact.force_n] * 3  # the constructor takes one number for all six
        self._robot.set_collision_behavior([contact.torque_nm] * libfranka.JOINTS, force)
        self._set_payload()
        return Capabilities(
            name=f"Franka {self._system.split()[0]} at {self.address} through franky-control",
            firmware=self._system,
            joints=libfranka.JOINTS,
            rate_hz=libfranka.RATE_HZ,
            paced=False,
            gravity_in_command=False,
            reports_command=True,
            watchdog_s=SIGNAL_TIMEOUT_S,
        )

    def _resting(self) -> Any:
        return self._robot.state

    def _observe(self) -> Observed:
        if self._motion is not None:
            self._robot.poll_motion()  # raises the motion's error; its result is the opposite of its documentation
            if not self._robot.is_in_control:
                raise MotionEnded("the C++ loop has ended")
        state, model, frame = self._robot.state, self._robot.model, self._library.Frame.EndEffector
        libfranka.take_in(state, state.O_T_EE.matrix, self._feedback)
        dynamics = self._feedback.dynamics
        dynamics.J[:] = model.zero_jacobian(frame, state)
        dynamics.M[:] = model.mass(state)
        dynamics.coriolis[:] = model.coriolis(state)
        return libfranka.observed(state)

    def _send(self, tau: FloatArray) -> None:
        if self._motion is not None:
            self._motion.set_torque(tau)
            return
        motion = self._library.SimpleTorqueMotion(
            initial_torque=tau, signal_timeout=SIGNAL_TIMEOUT_S, max_delta_tau=MAX_DELTA_TAU_NM
        )
        self._robot.move(motion, asynchronous=True, cutoff_frequency=NO_FILTER_HZ)
        self._motion = motion

    def _end(self) -> None:
        """Let the C++ loop ramp to damping, wait until the arm rests and release it: up to 2 s."""
        self._motion = None
        if self._robot.is_in_control:
            self._robot.move(self._library.TorqueStopMotion(), asynchronous=True)
        if not self._robot.join_motion(STOP_LIMIT_S):
            self._robot.stop()
            with contextlib.suppress(Exception):  # clear the preemption, which would be attributed to the next stream
                self._robot.join_motion(STOP_LIMIT_S)

    def _clear(self) -> None:
        self._robot.recover_from_errors()

    def _abandon(self) -> None:
        self._motion = None

    def _words(self, error: Exception) -> str:
        if type(error).__name__ == "TorqueSignalTimeoutException":
            return f"its C++ loop got no torque for {SIGNAL_TIMEOUT_S} s ({error})"
        return str(error)

    def _release(self) -> None:
        self._robot = self._motion = self._library = None
