"""What hand-held devices have in common: the axes of a hand, and the action that they command."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import GRIPPER, ROTATION, TRANSLATION, ActionLayout
from robot_rl.core.clock import Clock
from robot_rl.core.errors import ConfigError
from robot_rl.teleop.device import DeviceState, tool_action
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.plugged import ConnectionT, PluggedDevice
from robot_rl.teleop.engagement import EngageConfig


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


class HandheldDevice(PluggedDevice[ConnectionT]):
    """A device in the hand.

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
        self._layout, self._config = layout, config
        self._hand = np.zeros((2, 3))
        super().__init__(config.engage, clock)

    @abstractmethod
    def _motion(self, connection: ConnectionT, now_ns: int) -> np.ndarray:
        """Return translation and rotation (2, 3) in [-1, 1], in the operator's frame; take in the buttons.

        Raises:
            DeviceLostError: it is gone.
        """

    def _receive(self, connection: ConnectionT, now_ns: int) -> None:
        self._hand = self._motion(connection, now_ns)

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the state now; never waits."""
        now_ns, buttons = self._clock.now_ns(), self._buttons
        if not self._poll(now_ns):
            return buttons.state(np.zeros(self._layout.size, np.float32), False, False, None)
        engaged = self._engagement.update(buttons.engage, float(np.abs(self._hand).max()), now_ns)
        moves = self._config.speed * buttons.speed * without_dead_band(self._hand, self._config.dead_band)
        action = hand_action(self._layout, moves[0], moves[1], buttons.gripper)
        return buttons.state(action, engaged, True, now_ns)
