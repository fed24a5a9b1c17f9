"""Contracts of a gripper: the driver of one vendor's gripper, and the gripper as the node sees it.

Width is the opening between the fingers [m], 0 when closed. Speed is that of the opening, force that of the grip.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

CONNECTING = "connecting"
"""Fault of a gripper whose driver has just started."""


class GripperError(Exception):
    """A gripper that cannot be connected, or a command that it refuses; the text names the next step."""


class GripperCommand(NamedTuple):
    """Target of the fingers."""

    width_m: float
    speed_m_s: float
    force_n: float


class GripperReading(NamedTuple):
    """One sample of a driver."""

    width_m: float
    moving: bool
    object_detected: bool
    """The fingers stopped at something, and hold it."""
    fault: str = ""


class GripperState(NamedTuple):
    """State of a gripper, whatever its driver is doing."""

    width_m: float
    """nan before the first reading."""
    moving: bool
    object_detected: bool
    fault: str
    """Why it does not work as commanded; empty while it does."""
    stamp_s: float
    """Monotonic time of the reading; -inf before the first."""
    width_max_m: float
    """nan before the gripper is connected."""
    stopped: bool
    """Latched by `stop`."""


@dataclass(frozen=True)
class GripperSpec:
    """A gripper, as an arm's file describes it.

    Raises:
        ValueError: a speed or a force that is not positive.
    """

    driver: str
    """Name in `GRIPPERS`, or a class."""
    address: str = ""
    """Host or serial port."""
    speed_m_s: float = 0.1
    """Of commands without a speed [m/s]."""
    force_n: float = 40.0
    """Of commands without a force [N]."""
    namespace: str = ""
    """Of the arm's topics, for a gripper over ROS."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the driver; each says which it takes."""

    def __post_init__(self) -> None:
        for name in ("speed_m_s", "force_n"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"gripper.{name}: got {getattr(self, name)}, expected a positive number; correct it.")

    def read_settings(self, **defaults: Any) -> dict[str, Any]:
        """Return the driver's settings, those not given by their defaults.

        Raises:
            GripperError: a setting that the driver does not have.
        """
        unknown = sorted(set(self.settings) - set(defaults))
        if unknown:
            raise GripperError(f"gripper: got {unknown}, expected settings of {self.driver}: {sorted(defaults)}.")
        return defaults | dict(self.settings)


class GripperDriver(Protocol):
    """Driver of one gripper, in a process of its own; its calls may block.

    `move` is called by one thread, `read` and `stop` by others, also while `move` blocks. A class may have
    `NEEDS_ADDRESS = True`, and `recover()`, which clears a fault that the vendor latches.
    """

    width_max_m: float

    @classmethod
    def connect(cls, spec: GripperSpec) -> "GripperDriver":
        """Return the connected and activated gripper.

        Raises:
            GripperError: it does not answer, or its settings do not fit.
        """

    def read(self) -> GripperReading:
        """Return a new sample.

        Raises:
            Exception: the connection is lost; the process ends and is started again.
        """

    def move(self, command: GripperCommand) -> None:
        """Move the fingers until they are at the width or hold something with the force. May return before that.

        Raises:
            GripperError: refused or failed.
        """

    def stop(self) -> None:
        """End a motion where the fingers are; what they hold stays held."""

    def close(self) -> None:
        """Disconnect."""


class Gripper(Protocol):
    """A gripper as the node sees it: no call waits.

    The newest command wins: it ends the motion of the one before, and a repeated command is one command.
    """

    def command(self, width_m: float, speed_m_s: float, force_n: float) -> None:
        """Set the target of the fingers; ignored while stopped or not connected.

        Raises:
            ValueError: numbers that are not finite, or a speed or force that is not positive.
        """

    def state(self) -> GripperState:
        """Return the newest state."""

    def stop(self) -> None:
        """End a motion where the fingers are, and ignore commands until `clear`; what they hold stays held."""

    def clear(self) -> None:
        """Follow commands again, from the next one on."""

    def close(self) -> None:
        """End a motion and disconnect."""


def checked_command(width_m: float, speed_m_s: float, force_n: float) -> GripperCommand:
    """Return the command.

    Raises:
        ValueError: numbers that are not finite, or a speed or force that is not positive.
    """
    command = GripperCommand(float(width_m), float(speed_m_s), float(force_n))
    if not all(map(math.isfinite, command)) or command.speed_m_s <= 0.0 or command.force_n <= 0.0:
        raise ValueError(f"gripper: got {command}, expected finite numbers, speed and force above 0; correct them.")
    return command
