"""What devices on a plug have in common: buttons with functions, the way back after they were unplugged."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence, Set
from typing import Generic, Protocol, TypeVar

import numpy as np

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError, DeviceLostError, unknown_name
from robot_rl.core.labels import LABELS
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.engagement import EngageConfig, Engagement

STOP, CLEAR, READY, ENGAGE, FINE, SAVE = "stop", "clear", "ready", "engage", "fine", "save"
OPEN, CLOSE, NOTHING = "open", "close", "nothing"
FUNCTIONS = (*LABELS, STOP, CLEAR, READY, SAVE, ENGAGE, FINE, OPEN, CLOSE, NOTHING)
"""Functions of a button: a label, the emergency stop, lifting it, `ready` for the next episode, saving the last
seconds, the dead-man, a tenth of the speed while it is held, the gripper, or none."""
FINE_SPEED = 0.1
RETRY_S = 0.5
"""Pause before an unplugged device is looked for again [s]."""


def check_functions(what: str, names: Iterable[str], known: Sequence[str] = FUNCTIONS) -> None:
    """Check the functions of buttons in settings.

    Raises:
        UnknownNameError: another function.
        ConfigError: a stop that no button lifts.
    """
    given = set(names)
    for name in sorted(given.difference(known)):
        raise unknown_name(what, name, known)
    if STOP in given and CLEAR not in given:
        raise ConfigError(
            f"{what}: got stop without clear, expected both; only the device that stopped lifts its stop."
        )


class Buttons:
    """Functions of the buttons that are held, and what was pressed since the last read."""

    def __init__(self) -> None:
        self._held: Set[str] = frozenset()
        self._engage_pressed = False  # since the last state
        self._labels: list[str] = []
        self._stopped = self._cleared = self._ready = self._save = False

    def reset(self) -> None:
        """Forget labels that were given before an episode; a stop stays."""
        self._labels.clear()

    def update(self, held: Set[str]) -> None:
        """Take in the functions of the buttons that are held now."""
        pressed, self._held = held - self._held, held
        self._labels += [label for label in LABELS if label in pressed]
        self._ready = self._ready or READY in pressed
        self._save = self._save or SAVE in pressed
        self._engage_pressed = self._engage_pressed or ENGAGE in pressed
        if CLEAR in pressed and STOP not in held:
            self._stopped, self._cleared = False, True
        if STOP in pressed:
            self._stopped, self._cleared = True, False

    def holds(self, function: str) -> bool:
        """Return whether a button of this function is held."""
        return function in self._held

    @property
    def engage(self) -> bool:
        """Whether the dead-man is held, or was pressed since the last state: a short press counts, too."""
        return self.holds(ENGAGE) or self._engage_pressed

    @property
    def speed(self) -> float:
        """Factor of the motion."""
        return FINE_SPEED if self.holds(FINE) else 1.0

    @property
    def gripper(self) -> float:
        """Level of the gripper's head: -1 close, 1 open, 0 hold."""
        return float(self.holds(OPEN)) - float(self.holds(CLOSE))

    def state(self, action: np.ndarray | None, engaged: bool, alive: bool, stamp_ns: int | None) -> DeviceState:
        """Return the device's state with what was pressed since the last call."""
        labels, self._labels, self._engage_pressed = tuple(self._labels), [], False
        cleared, self._cleared = self._cleared, False
        ready, self._ready = self._ready, False
        save, self._save = self._save, False
        engaged = engaged and alive
        return DeviceState(action, engaged, labels, self._stopped, alive, stamp_ns, cleared, ready, save=save)


class Connection(Protocol):
    """An open device."""

    def close(self) -> None:
        """Close it."""


ConnectionT = TypeVar("ConnectionT", bound=Connection)


class PluggedDevice(Device, Generic[ConnectionT]):
    """A device on a plug. One that is unplugged is not alive, which is a stop; plugged in again, it comes back.

    Raises:
        DeviceLostError: it is not there, or may not be opened.
    """

    def __init__(self, engage: EngageConfig, clock: Clock) -> None:
        self._clock = clock
        self._buttons, self._engagement = Buttons(), Engagement(engage)
        self._connection: ConnectionT | None = self._connect()
        self._tried_ns = clock.now_ns()

    @abstractmethod
    def _connect(self) -> ConnectionT:
        """Open the device.

        Raises:
            DeviceLostError: it is not there, or may not be opened.
        """

    @abstractmethod
    def _receive(self, connection: ConnectionT, now_ns: int) -> None:
        """Take in what has come, the buttons among it.

        Raises:
            DeviceLostError: it is gone.
        """

    def reset(self) -> None:
        """Begin an episode: labels given before it do not count."""
        self._poll(self._clock.now_ns())
        self._buttons.reset()

    def close(self) -> None:
        """Release the device; reads from now on find it not alive."""
        self._lose()
        self._tried_ns = np.iinfo(np.int64).max  # for good

    def _poll(self, now_ns: int) -> bool:
        """Take in what has come; return whether the device is there."""
        try:
            if self._connection is None and now_ns - self._tried_ns > RETRY_S * NS_PER_S:
                self._tried_ns = now_ns
                self._connection = self._connect()
            if self._connection is not None:
                self._receive(self._connection, now_ns)
                return True
        except DeviceLostError:
            self._lose()
        return False

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        self._buttons.update(frozenset())
        self._engagement.release()
        if connection is not None:
            connection.close()
