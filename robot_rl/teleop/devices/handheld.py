"""What hand-held devices have in common: axes of a hand, and buttons that label, stop, enable and drive the gripper."""

from collections.abc import Set

import numpy as np

from robot_rl.core.action_layout import GRIPPER, ROTATION, TRANSLATION, ActionLayout
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.labels import LABELS
from robot_rl.teleop.device import DeviceState, tool_action

STOP, CLEAR, READY, ENGAGE, FINE = "stop", "clear", "ready", "engage", "fine"
OPEN, CLOSE, NOTHING = "open", "close", "nothing"
FUNCTIONS = (*LABELS, STOP, CLEAR, READY, ENGAGE, FINE, OPEN, CLOSE, NOTHING)
"""Functions of a button: a label, the emergency stop, lifting it, `ready` for the next episode, the dead-man, a tenth
of the speed while it is held, the gripper, or none."""
FINE_SPEED = 0.1


def check_functions(what: str, names: tuple[str, ...]) -> None:
    """Check the functions of buttons in settings.

    Raises:
        UnknownNameError: another function.
        ConfigError: a stop that no button lifts.
    """
    for name in names:
        if name not in FUNCTIONS:
            raise unknown_name(what, name, FUNCTIONS)
    if STOP in names and CLEAR not in names:
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
