"""Franka Hand, through franky or pylibfranka.

The hand carries out one command at a time, and each blocks its caller. Reports of its users: a `move` that meets
something blocks for about 100 s (franka_ros#281) and cannot be relied on to stop (libfranka#111), so fingers close by
`grasp` with a tolerance of the whole stroke, which ends at whatever they meet; a second grasp of a held object waits
and fails (libfranka#93), so it is left out; `stop` during a hold releases the force (libfranka#111), so a hold is never
stopped; without homing the largest width is 0 and every command fails (franka_ros#276).

franky's calls release Python's lock, pylibfranka's do not: through pylibfranka there are no readings during a motion,
and no motion can be stopped. Both libraries may not be loaded in one process.
"""

import importlib
import threading
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from controllers.drivers.grippers.contract import GripperCommand, GripperError, GripperReading, GripperSpec

# 50 mm/s a finger and 70 N continuously (datasheet); at least 30 N (libfranka#111)
SPEED_MAX_M_S, FORCES_N = 0.1, (30.0, 70.0)
ANY_WIDTH_M = 1.0  # tolerance of a grasp: larger than the stroke
CLOSED_M = 0.002  # an object is wider than the fingers' last gap by this


class FrankaHand(ABC):
    """A Franka Hand over either library; a `GripperDriver`.

    Settings: `home`: always find the stroke when connecting, as after a change of fingers; by default only when the
    hand does not know it.
    """

    NEEDS_ADDRESS: ClassVar[bool] = True
    PACKAGE: ClassVar[str]
    EXTRA: ClassVar[str] = "franka"

    def __init__(self, hand: Any, home: bool) -> None:
        self._hand = hand
        self._last = self._state()
        if home or self._last.max_width < CLOSED_M:
            if not hand.homing():
                raise GripperError("Franka Hand: got no homing, expected free fingers; take away what is between them.")
            self._last = self._state()
        self.width_max_m = float(self._last.max_width)
        self._running = threading.Event()
        self._target_m = 0.0

    @classmethod
    def connect(cls, spec: GripperSpec) -> "FrankaHand":
        settings = spec.read_settings(home=False)
        try:
            library = importlib.import_module(cls.PACKAGE)
        except ImportError as error:
            raise GripperError(f"{cls.PACKAGE}: {error}; run: pip install -e '.[{cls.EXTRA}]'.") from error
        try:
            return cls(library.Gripper(spec.address), settings["home"])
        except library.NetworkException as error:
            raise GripperError(
                f"Franka Hand: got '{error}' from {spec.address or 'no address'}, expected the arm with a hand; is FCI "
                "active, and the hand chosen as the end effector in Desk?"
            ) from error

    def read(self) -> GripperReading:
        state, running = self._state(), self._running.is_set()
        self._last = state
        return GripperReading(float(state.width), running, self._holds(state) and not running)

    def _holds(self, state: Any) -> bool:
        """Return whether an object keeps the fingers from their target; the hand calls empty fingers grasped, too."""
        return bool(state.is_grasped) and bool(state.width > self._target_m + CLOSED_M)

    def move(self, command: GripperCommand) -> None:
        state, closes = self._last, command.width_m < self._last.width - CLOSED_M
        held, self._target_m = self._holds(state), command.width_m
        if closes and held:
            return
        if closes and state.is_grasped:
            self._hand.stop()  # else it takes the next grasp for the second of one object
        speed = min(command.speed_m_s, SPEED_MAX_M_S)
        self._running.set()
        try:
            if closes:
                force = min(max(command.force_n, FORCES_N[0]), FORCES_N[1])
                done = self._hand.grasp(command.width_m, speed, force, ANY_WIDTH_M, ANY_WIDTH_M)
            else:
                done = self._hand.move(command.width_m, speed)
        finally:
            self._running.clear()
        if not done:
            raise GripperError(f"Franka Hand: got no success at {command.width_m:.3f} m; home it if this repeats.")

    def stop(self) -> None:
        if self._running.is_set():
            self._hand.stop()

    def close(self) -> None:  # noqa: B027  # the library disconnects with the process
        """See `GripperDriver`."""

    @abstractmethod
    def _state(self) -> Any:
        """Return the library's state of the hand."""


class FrankyHand(FrankaHand):
    """Through franky: the state is read, and a motion stopped, while another call waits."""

    PACKAGE = "franky"

    def _state(self) -> Any:
        return self._hand.state


class PylibfrankaHand(FrankaHand):
    """Through pylibfranka."""

    PACKAGE = "pylibfranka"

    def _state(self) -> Any:
        return self._hand.read_once()
