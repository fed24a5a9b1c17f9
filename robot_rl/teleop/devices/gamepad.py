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
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError, unknown_name
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.handheld import Buttons, check_functions, hand_action, without_dead_band
from robot_rl.teleop.engagement import EngageConfig, Engagement

AXES = ("leftx", "lefty", "rightx", "righty", "triggerleft", "triggerright")
BUTTONS = (
    "a", "b", "x", "y", "back", "guide", "start", "leftstick", "rightstick", "leftshoulder", "rightshoulder",
    "dpup", "dpdown", "dpleft", "dpright",
)  # fmt: skip
"""In SDL's order."""
TRIGGER = 0.5
"""A trigger pulled further counts as a button, `lefttrigger` or `righttrigger`."""
FULL_SCALE = 32767.0
RETRY_S = 0.5
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

    name: str

    def read(self) -> PadReading | None:
        """Return its present state; None once it is unplugged."""

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
class GamepadConfig:
    """Settings of a gamepad.

    Raises:
        ConfigError: a number out of its range.
        UnknownNameError: an unknown button or function.
    """

    index: int = 0
    """Which pad, as `robot-rl doctor teleop` numbers them."""
    speed: float = 0.5
    """Fraction of the largest action that full deflection commands, in (0, 1]."""
    dead_band: float = 0.15
    """Deflection of a stick in [0, 1) that counts as none."""
    buttons: Mapping[str, str] = field(default_factory=lambda: FUNCTIONS)
    """Button -> function: success, failure, undo, stage, stop, clear, ready, engage, fine, open, close or nothing."""
    engage: EngageConfig = field(default_factory=EngageConfig)
    """How the human engages; by default by holding the right shoulder button."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "index")
        checks.positive(self, "speed")
        checks.fraction(self, "speed", "dead_band")
        if self.dead_band >= 1.0:
            raise ConfigError(f"dead_band: got {self.dead_band}, expected less than 1; 0.15 is usual.")
        object.__setattr__(self, "buttons", {**FUNCTIONS, **self.buttons})
        for button in self.buttons:
            if button not in (known := (*BUTTONS, "lefttrigger", "righttrigger")):
                raise unknown_name("gamepad button", button, known)
        check_functions("function of a gamepad button", tuple(self.buttons.values()))


class Gamepad:
    """A gamepad. One that is unplugged or out of battery is not alive, which is a stop; it comes back when it does.

    Args:
        layout: parts of the action; of several robots, it moves the first.
        pads: tests pass others.

    Raises:
        DeviceLostError: there is none.
    """

    Settings = GamepadConfig

    @classmethod
    def open(cls, context: DeviceContext) -> "Gamepad":
        """Return the gamepad of the settings.

        Raises:
            DeviceLostError: there is none.
        """
        return cls(context.layout, context.settings, context.clock)

    def __init__(
        self,
        layout: ActionLayout,
        config: GamepadConfig | None = None,
        clock: Clock | None = None,
        pads: Pads | None = None,
    ) -> None:
        self._layout, self._config = layout, config or GamepadConfig()
        self._clock, self._pads = clock or SystemClock(), pads or SdlPads()
        self._buttons, self._engagement = Buttons(), Engagement(self._config.engage)
        self._pad: Pad | None = open_pad(self._pads, self._config.index)
        self._tried_ns = self._clock.now_ns()
        self.help = HELP.format(buttons="   ".join(f"{b} {f}" for b, f in self._config.buttons.items()))

    def reset(self) -> None:
        """Begin an episode: labels given before it do not count."""
        self._poll()
        self._buttons.reset()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the state now; never waits."""
        now_ns, reading = self._clock.now_ns(), self._poll()
        if reading is None:
            self._engagement.release()
            return self._buttons.state(np.zeros(self._layout.size, np.float32), False, False, None)
        translation, rotation = sticks(reading)
        deflection = float(np.abs([translation, rotation]).max())
        engaged = self._engagement.update(self._buttons.engage, deflection, now_ns)
        factor = self._config.speed * self._buttons.speed
        moves = [factor * without_dead_band(part, self._config.dead_band) for part in (translation, rotation)]
        action = hand_action(self._layout, moves[0], moves[1], self._buttons.gripper)
        return self._buttons.state(action, engaged, True, now_ns)

    def close(self) -> None:
        """Release the device; reads from now on find it not alive."""
        self._lose()
        self._tried_ns = np.iinfo(np.int64).max  # for good

    def _poll(self) -> PadReading | None:
        """Return the pad's reading, None while it is away; take in its buttons."""
        now_ns = self._clock.now_ns()
        if self._pad is None and now_ns - self._tried_ns > RETRY_S * NS_PER_S:
            self._reopen(now_ns)
        reading = self._pad.read() if self._pad else None
        if reading is None:
            self._lose()
            return None
        functions = self._config.buttons
        self._buttons.update({functions[name] for name in pressed(reading) if name in functions})
        return reading

    def _reopen(self, now_ns: int) -> None:
        self._tried_ns = now_ns
        try:
            self._pad = open_pad(self._pads, self._config.index)
        except DeviceLostError:
            self._pad = None

    def _lose(self) -> None:
        pad, self._pad = self._pad, None
        self._buttons.update(frozenset())
        if pad is not None:
            pad.close()


def sticks(reading: PadReading) -> tuple[np.ndarray, np.ndarray]:
    """Return translation and rotation (3,) that the sticks and the directional pad command, in the operator's frame."""
    axes, buttons = reading.axes, reading.buttons
    pitch = float("dpup" in buttons) - float("dpdown" in buttons)
    roll = float("dpright" in buttons) - float("dpleft" in buttons)
    translation = np.array([-axes["lefty"], -axes["leftx"], -axes["righty"]])
    return translation, np.array([roll, pitch, -axes["rightx"]])


def pressed(reading: PadReading) -> set[str]:
    """Return the buttons that are pressed, triggers among them."""
    triggers = {"lefttrigger": "triggerleft", "righttrigger": "triggerright"}
    return {*reading.buttons, *(name for name, axis in triggers.items() if reading.axes[axis] > TRIGGER)}


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
        self.name = (sdl.SDL_GameControllerName(handle) or b"?").decode()

    def read(self) -> PadReading | None:
        """See `Pad`."""
        sdl, handle = self._sdl, self._handle
        sdl.SDL_GameControllerUpdate()
        if not sdl.SDL_GameControllerGetAttached(handle):
            return None
        axes = {name: sdl.SDL_GameControllerGetAxis(handle, i) / FULL_SCALE for i, name in enumerate(AXES)}
        held = frozenset(name for i, name in enumerate(BUTTONS) if sdl.SDL_GameControllerGetButton(handle, i))
        return PadReading(axes, held)

    def close(self) -> None:
        """See `Pad`."""
        self._sdl.SDL_GameControllerClose(self._handle)
