"""What hand-held devices have in common: axes of a hand, buttons that label, stop, enable and drive the gripper, and
plugging.
"""

from abc import abstractmethod
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import GRIPPER, ROTATION, TRANSLATION, ActionLayout
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError, DeviceLostError, unknown_name
from robot_rl.core.labels import LABELS
from robot_rl.teleop.device import Device, DeviceState, tool_action
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.engagement import EngageConfig, Engagement

STOP, CLEAR, READY, ENGAGE, FINE = "stop", "clear", "ready", "engage", "fine"
OPEN, CLOSE, NOTHING = "open", "close", "nothing"
FUNCTIONS = (*LABELS, STOP, CLEAR, READY, ENGAGE, FINE, OPEN, CLOSE, NOTHING)
"""Functions of a button: a label, the emergency stop, lifting it, `ready` for the next episode, the dead-man, a tenth
of the speed while it is held, the gripper, or none."""
FINE_SPEED = 0.1
RETRY_S = 0.5
"""Pause before an unplugged device is looked for again [s]."""


@dataclass(frozen=True)
class HandheldConfig:
    """Settings of a hand-held device.

    Raises:
        ConfigError: a number out of its range.
    """

    speed: float = 1.0
    """Fraction of the largest action that full deflection commands, in (0, 1]."""
    dead_band: float = 0.1
    """Deflection of an axis in [0, 1) that counts as none."""
    engage: EngageConfig = field(default_factory=EngageConfig)
    """How the human engages."""

    def __post_init__(self) -> None:
        checks.positive(self, "speed")
        checks.fraction(self, "speed", "dead_band")
        if self.dead_band >= 1.0:
            raise ConfigError(f"dead_band: got {self.dead_band}, expected less than 1; 0.1 is usual.")


def check_functions(what: str, names: Iterable[str]) -> None:
    """Check the functions of buttons in settings.

    Raises:
        UnknownNameError: another function.
        ConfigError: a stop that no button lifts.
    """
    known = set(names)
    for name in sorted(known.difference(FUNCTIONS)):
        raise unknown_name(what, name, FUNCTIONS)
    if STOP in known and CLEAR not in known:
        raise ConfigError(
            f"{what}: got stop without clear, expected both; only the device that stopped lifts its stop."
        )


def without_dead_band(axes: np.ndarray, dead_band: float) -> np.ndarray:
    """Return axes in [-1, 1] that are 0 within the dead-band and rise linearly to 1 from its edge."""
    size = np.maximum(np.abs(np.clip(axes, -1.0, 1.0)) - dead_band, 0.0) / (1.0 - dead_band)
    return np.sign(axes) * size


def hand_action(layout: ActionLayout, translation: np.ndarray, rotation: np.ndarray, gripper: float) -> np.ndarray:
    """Return the action of a hand's motion for the first robot of a layout; parts that it lacks are left out.

    Shapes: translation and rotation (3,) in [-1, 1], in the operator's frame: x forward, y left, z up. Returns (A,).
    """
    axes, arm = layout.of_robot(layout.robots[0])
    action = np.zeros(layout.size, np.float32)
    for part, values in ((TRANSLATION, translation), (ROTATION, rotation), (GRIPPER, np.array([gripper]))):
        if part in arm.slices:
            own = action[axes][arm.slices[part]]  # a view
            own[:] = values[: len(own)]
    return tool_action(action, layout)


class Buttons:
    """Functions of the buttons that are held, and what was pressed since the last read."""

    def __init__(self) -> None:
        self._held: Set[str] = frozenset()
        self._engage_pressed = False  # since the last state
        self._labels: list[str] = []
        self._stopped = self._cleared = self._ready = False

    def reset(self) -> None:
        """Forget labels that were given before an episode; a stop stays."""
        self._labels.clear()

    def update(self, held: Set[str]) -> None:
        """Take in the functions of the buttons that are held now."""
        pressed, self._held = held - self._held, held
        self._labels += [label for label in LABELS if label in pressed]
        self._ready = self._ready or READY in pressed
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

    def state(self, action: np.ndarray, engaged: bool, alive: bool, stamp_ns: int | None) -> DeviceState:
        """Return the device's state with what was pressed since the last call."""
        labels, self._labels, self._engage_pressed = tuple(self._labels), [], False
        cleared, self._cleared = self._cleared, False
        ready, self._ready = self._ready, False
        return DeviceState(action, engaged and alive, labels, self._stopped, alive, stamp_ns, cleared, ready)


class Connection(Protocol):
    """An open device."""

    def close(self) -> None:
        """Close it."""


ConnectionT = TypeVar("ConnectionT", bound=Connection)


class HandheldDevice(Device, Generic[ConnectionT]):
    """A device in the hand. One that is unplugged is not alive, which is a stop; plugged in again, it comes back.

    Args:
        layout: parts of the action; of several robots, it moves the first.

    Raises:
        DeviceLostError: it is not there, or may not be opened.
    """

    @classmethod
    def open(cls, context: DeviceContext) -> Self:
        """Return the device of the settings.

        Raises:
            DeviceLostError: it is not there, or may not be opened.
        """
        return cls(context.layout, context.settings, context.clock)

    def __init__(self, layout: ActionLayout, config: HandheldConfig, clock: Clock) -> None:
        self._layout, self._config, self._clock = layout, config, clock
        self._buttons, self._engagement = Buttons(), Engagement(config.engage)
        self._connection: ConnectionT | None = self._connect()
        self._tried_ns = clock.now_ns()

    @abstractmethod
    def _connect(self) -> ConnectionT:
        """Open the device.

        Raises:
            DeviceLostError: it is not there, or may not be opened.
        """

    @abstractmethod
    def _motion(self, connection: ConnectionT, now_ns: int) -> np.ndarray:
        """Return translation and rotation (2, 3) in [-1, 1], in the operator's frame; take in the buttons.

        Raises:
            DeviceLostError: it is gone.
        """

    def reset(self) -> None:
        """Begin an episode: labels given before it do not count."""
        self._poll(self._clock.now_ns())
        self._buttons.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the state now; never waits."""
        now_ns, buttons = self._clock.now_ns(), self._buttons
        motion = self._poll(now_ns)
        if motion is None:
            self._engagement.release()
            return buttons.state(np.zeros(self._layout.size, np.float32), False, False, None)
        engaged = self._engagement.update(buttons.engage, float(np.abs(motion).max()), now_ns)
        moves = self._config.speed * buttons.speed * without_dead_band(motion, self._config.dead_band)
        action = hand_action(self._layout, moves[0], moves[1], buttons.gripper)
        return buttons.state(action, engaged, True, now_ns)

    def close(self) -> None:
        """Release the device; reads from now on find it not alive."""
        self._lose()
        self._tried_ns = np.iinfo(np.int64).max  # for good

    def _poll(self, now_ns: int) -> np.ndarray | None:
        """Return the motion, None while the device is away."""
        try:
            if self._connection is None and now_ns - self._tried_ns > RETRY_S * NS_PER_S:
                self._tried_ns = now_ns
                self._connection = self._connect()
            if self._connection is not None:
                return self._motion(self._connection, now_ns)
        except DeviceLostError:
            self._lose()
        return None

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        self._buttons.update(frozenset())
        if connection is not None:
            connection.close()
