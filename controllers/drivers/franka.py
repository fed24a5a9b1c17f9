"""Driver of an FR3 through pylibfranka: this process runs the 1 kHz torque loop itself.

`read` blocks until the arm's next state, so the arm sets the rate. The bindings hold Python's lock while they wait, so
the loop needs its own process. When a sender dies, the arm's firmware misses its commands, stops with
communication_constraints_violation and brakes.
"""

from typing import Any

import numpy as np

from controllers.drivers import libfranka
from controllers.drivers.contract import Capabilities, Requirements
from controllers.drivers.machine import require_realtime
from controllers.drivers.stream import Observed
from controllers.geometry import FloatArray

PACKAGE = "pylibfranka"
FIRMWARE_WATCHDOG_S = 0.02  # libfranka's documentation: the arm stops after 20 consecutive lost packets


class FrankaDriver(libfranka.LibfrankaDriver):
    """`Driver` of an FR3 over its own torque interface. None for `contact` leaves the arm's own thresholds."""

    PACKAGE = PACKAGE
    REQUIREMENTS = Requirements(libfranka.RATE_HZ, PACKAGE, "0.21.3", "franka", 1337, preempt_rt=True, glibc=(2, 34))

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(address, **options)
        self._model: Any = None
        self._control: Any = None

    def _open(self) -> Capabilities:
        if self._realtime:
            require_realtime(self._platform.machine(), preempt_rt=True)
        library = self._platform.library or libfranka.one_of_them("pylibfranka", "franky", PACKAGE)
        rule = library.RealtimeConfig.kEnforce if self._realtime else library.RealtimeConfig.kIgnore
        self._library = library
        self._robot = library.Robot(self.address, rule)
        self._model = self._robot.load_model()
        if self._contact is not None:
            torque = [self._contact.torque_nm] * libfranka.JOINTS
            force = [self._contact.force_n] * 3 + [0.5 * self._contact.force_n] * 3
            self._robot.set_collision_behavior(torque, torque, force, force)
        self._set_payload()
        return Capabilities(
            name=f"Franka {self._system.split()[0]} at {self.address} through pylibfranka {library.__version__}",
            firmware=f"speaks the protocol of libfranka {library.__version__} ({self._system})",
            joints=libfranka.JOINTS,
            rate_hz=libfranka.RATE_HZ,
            paced=True,
            gravity_in_command=False,
            reports_command=True,
            watchdog_s=FIRMWARE_WATCHDOG_S,
            cycle_s=1.0 / libfranka.RATE_HZ,
        )

    def _resting(self) -> Any:
        return self._robot.read_once()

    def _observe(self) -> Observed:
        state = self._robot.read_once() if self._control is None else self._control.readOnce()[0]
        self._copy(state)
        return libfranka.observed(state)

    def _copy(self, state: Any) -> None:
        """Return a matrix from the library's column-major 16, 42 or 49 numbers."""
        libfranka.take_in(state, np.reshape(state.O_T_EE, (4, 4), order="F"), self._feedback)
        dynamics = self._feedback.dynamics
        dynamics.J[:] = np.reshape(self._model.zero_jacobian(state), (6, libfranka.JOINTS), order="F")
        dynamics.M[:] = np.reshape(self._model.mass(state), (libfranka.JOINTS, libfranka.JOINTS), order="F")
        dynamics.coriolis[:] = self._model.coriolis(state)

    def _send(self, tau: FloatArray) -> None:
        if self._control is None:
            self._control = self._robot.start_torque_control()
            self._copy(self._control.readOnce()[0])
        self._control.writeOnce(self._library.Torques(tau.tolist()))

    def _end(self) -> None:
        """Repeat the last command, marked as the end of the motion: a jump to zero would trigger a reflex."""
        control, self._control = self._control, None
        last = self._library.Torques(self.tau.tolist())
        last.motion_finished = True
        try:
            control.writeOnce(last)
        except Exception:
            self._robot.stop()
            raise

    def _clear(self) -> None:
        self._robot.automatic_error_recovery()

    def _abandon(self) -> None:
        self._control = None

    def _release(self) -> None:
        self._robot = self._model = self._control = self._library = None
