"""A gamepad as a teleoperation device, over SDL's game controllers: any model that SDL maps, in one layout.

Buttons have SDL's names, which are those of an Xbox pad; `a` is the lowest of the four.
Source: SDL 2, SDL_gamecontroller.h.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError, unknown_name
from robot_rl.teleop.devices.handheld import HandheldConfig, HandheldDevice
from robot_rl.teleop.devices.plugged import CLEAR, READY, check_functions
from robot_rl.teleop.engagement import EngageConfig

AXES = ("leftx", "lefty", "rightx", "righty", "triggerleft", "triggerright")
BUTTONS = (
    "a", "b", "x", "y", "back", "guide", "start", "leftstick", "rightstick", "leftshoulder", "rightshoulder",
    "dpup", "dpdown", "dpleft", "dpright",
)  # fmt: skip
"""In SDL's order."""
TRIGGERS = {"lefttrigger": "triggerleft", "righttrigger": "triggerright"}
"""Name as a button -> axis."""
TRIGGER = 0.5
"""A trigger pulled further counts as a button."""
FULL_SCALE = 32767.0
FUNCTIONS = {
    "a": "success", "b": "failure", "x": "undo", "y": "stage", "start": "ready", "back": "stop", "guide": "clear",
    "leftstick": "clear", "rightshoulder": "engage", "leftshoulder": "fine", "lefttrigger": "close",
    "righttrigger": "open",
}  # fmt: skip
HELP = """\
  left stick  forward/back, left/right      right stick  up/down, turn left/right      pad  pitch, roll
  {buttons}
  Forward and left turn with the gripper; as it starts, forward points away from the robot's base."""


class PadReading(NamedTuple):
    """Present state of a pad."""

    axes: Mapping[str, float]
    """By SDL's name; sticks in [-1, 1] with right and down positive, triggers in [0, 1]."""
    buttons: frozenset[str]


class Pad(Protocol):
    """An open pad."""

    def read(self) -> PadReading:
        """Return its present state.

        Raises:
            DeviceLostError: it is unplugged.
        """

    def close(self) -> None:
        """Close it."""


class Pads(Protocol):
    """The pads of this computer."""

    def names(self) -> list[str]:
        """Return the pads' names, in order."""

    def open(self, index: int) -> Pad:
        """Open one.

        Raises:
            DeviceLostError: it cannot be opened.
        """


@dataclass(frozen=True)
class GamepadConfig(HandheldConfig):
    """Settings of a gamepad.

    Raises:
        ConfigError: a number out of its range, or a stop that no button lifts.
        UnknownNameError: an unknown button or function.
    """

    speed: float = 0.5
    """Fraction of the largest action that full deflection commands, in (0, 1]."""
    dead_band: float = 0.15
    """Deflection of a stick in [0, 1) that counts as none."""
    engage: EngageConfig = field(default_factory=EngageConfig)
    """How the human engages; by default by holding the right shoulder button."""
    index: int = 0
    """Which pad, as `robot-rl doctor teleop` numbers them."""
    buttons: Mapping[str, str] = field(default_factory=lambda: FUNCTIONS)
    """Button -> function: success, failure, undo, stage, stop, clear, ready, save, engage, fine, open, close or
    nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 0, "index")
        object.__setattr__(self, "buttons", {**FUNCTIONS, **self.buttons})
        for button in self.buttons:
            if button not in (known := (*BUTTONS, *TRIGGERS)):
                raise unknown_name("gamepad button", button, known)
        check_functions("function of a gamepad button", self.buttons.values())


class Gamepad(HandheldDevice[Pad]):
    """A gamepad; see `HandheldDevice`. One that is out of battery is lost as well.

    Args:
        pads: tests pass others.
    """

    Settings = GamepadConfig

    def __init__(
        self,
        layout: ActionLayout,
        config: GamepadConfig | None = None,
        clock: Clock | None = None,
        pads: Pads | None = None,
    ) -> None:
        config = config or GamepadConfig()
        self._pads, self._index, self._functions = pads or SdlPads(), config.index, config.buttons
        super().__init__(layout, config, clock or SystemClock())
        self.help = HELP.format(buttons="   ".join(f"{b} {f}" for b, f in config.buttons.items()))
        names = {function: f"press {button} on the gamepad" for button, function in config.buttons.items()}
        self.go, self.clears = names.get(READY, ""), names.get(CLEAR, "")

    def _connect(self) -> Pad:
        return open_pad(self._pads, self._index)

    def _motion(self, connection: Pad, now_ns: int) -> np.ndarray:
        reading = connection.read()
        self._buttons.update({self._functions[name] for name in pressed(reading) if name in self._functions})
        return hand_motion(reading)


def hand_motion(reading: PadReading) -> np.ndarray:
    """Return translation and rotation (2, 3) that sticks and directional pad command, in the operator's frame."""
    axes, buttons = reading.axes, reading.buttons
    pitch = float("dpup" in buttons) - float("dpdown" in buttons)
    roll = float("dpright" in buttons) - float("dpleft" in buttons)
    return np.array([[-axes["lefty"], -axes["leftx"], -axes["righty"]], [roll, pitch, -axes["rightx"]]])


def pressed(reading: PadReading) -> set[str]:
    """Return the buttons that are pressed, triggers among them."""
    return {*reading.buttons, *(name for name, axis in TRIGGERS.items() if reading.axes[axis] > TRIGGER)}


def open_pad(pads: Pads, index: int) -> Pad:
    """Open one of the pads.

    Raises:
        DeviceLostError: there is none of that number.
    """
    names = pads.names()
    if index >= len(names):
        known = ", ".join(f"{i}: {name}" for i, name in enumerate(names)) or "none"
        raise DeviceLostError(
            f"gamepad {index}: got {known}, expected it; plug it in, or choose --human.settings index."
        )
    return pads.open(index)


class SdlPads:
    """SDL's game controllers, without a window.

    Raises:
        ConfigError: it is not installed.
    """

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():  # it announces the library that it found
                warnings.simplefilter("ignore")
                import sdl2
        except ImportError as error:
            raise ConfigError("gamepad: got no PySDL2, expected it; pip install 'robot-rl[gamepad]'.") from error
        self._sdl: Any = sdl2
        os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")  # there is no window to be in front
        os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")  # Ctrl-C stays the program's
        if sdl2.SDL_Init(sdl2.SDL_INIT_GAMECONTROLLER) != 0:
            raise ConfigError(f"gamepad: got '{sdl2.SDL_GetError().decode()}' from SDL, expected it to start.")

    def names(self) -> list[str]:
        """See `Pads`."""
        self._sdl.SDL_GameControllerUpdate()
        return [(self._sdl.SDL_GameControllerNameForIndex(index) or b"?").decode() for index in self._indices()]

    def open(self, index: int) -> Pad:
        """See `Pads`."""
        handle = self._sdl.SDL_GameControllerOpen(self._indices()[index])
        if not handle:
            raise DeviceLostError(f"gamepad {index}: got '{self._sdl.SDL_GetError().decode()}', expected it to open.")
        return SdlPad(self._sdl, handle)

    def _indices(self) -> list[int]:
        return [index for index in range(self._sdl.SDL_NumJoysticks()) if self._sdl.SDL_IsGameController(index)]


class SdlPad:
    """One of SDL's game controllers."""

    def __init__(self, sdl: Any, handle: Any) -> None:
        self._sdl, self._handle = sdl, handle

    def read(self) -> PadReading:
        """See `Pad`."""
        sdl, handle = self._sdl, self._handle
        sdl.SDL_GameControllerUpdate()
        if not sdl.SDL_GameControllerGetAttached(handle):
            raise DeviceLostError("gamepad: got none, expected the one that was opened; plug it in.")
        axes = {name: sdl.SDL_GameControllerGetAxis(handle, i) / FULL_SCALE for i, name in enumerate(AXES)}
        held = frozenset(name for i, name in enumerate(BUTTONS) if sdl.SDL_GameControllerGetButton(handle, i))
        return PadReading(axes, held)

    def close(self) -> None:
        """See `Pad`."""
        self._sdl.SDL_GameControllerClose(self._handle)
