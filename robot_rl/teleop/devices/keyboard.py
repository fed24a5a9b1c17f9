"""The terminal's keyboard as a teleoperation device: termios only, so it works over ssh and needs no window."""

import atexit
import contextlib
import os
import sys
import termios
import tty
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, TextIO

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import GRIPPER, ROTATION, TRANSLATION, ActionLayout
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.teleop.device import DeviceState, tool_action
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.engagement import EngageConfig, Engagement
from robot_rl.teleop.terminal import CLEAR_KEY, STOP_KEY, KeyDecoder, read_pending

AXES: dict[str, tuple[str, int, float]] = {
    "w": (TRANSLATION, 0, 1.0), "s": (TRANSLATION, 0, -1.0), "a": (TRANSLATION, 1, 1.0), "d": (TRANSLATION, 1, -1.0),
    "r": (TRANSLATION, 2, 1.0), "f": (TRANSLATION, 2, -1.0), "l": (ROTATION, 0, 1.0), "j": (ROTATION, 0, -1.0),
    "i": (ROTATION, 1, 1.0), "k": (ROTATION, 1, -1.0), "q": (ROTATION, 2, 1.0), "e": (ROTATION, 2, -1.0),
    "o": (GRIPPER, 0, 1.0), "g": (GRIPPER, 0, -1.0),
}  # fmt: skip
"""Key -> (part of the action, component, sign) in the operator's frame: x forward, y left, z up."""

LABEL_KEYS = {"\n": "success", "\r": "success", "\x7f": "failure", "\x08": "failure", "u": "undo", "t": "stage"}
ENGAGE_KEY, READY_KEY, FINE_KEY, SAVE_KEY = " ", "n", "z", "v"
SPEED_MIN, FINE = 0.02, 0.1
BUTTON_HOLD_S = 0.7
"""How long one press of space counts as pressed [s]; longer than a terminal's delay before it repeats keys."""
LABEL_HELP = """\
  Enter  success   Backspace  failure   u  undo   t  stage
  x  EMERGENCY STOP                   c  clear the stop         n  next episode: the scene is set
  v  save the last seconds as an episode"""
HELP = f"""\
  w/s  forward/back      a/d  left/right      r/f  up/down (arrows: w s a d)
  q/e  turn left/right   i/k  pitch           l/j  roll
  o/g  open/close gripper             +/-  faster/slower        z  fine: a tenth of the speed, and back
  space  engage (hold or toggle)
{LABEL_HELP}
  Forward and left turn with the gripper; as it starts, forward points away from the robot's base."""

_ARROWS = {"up": "w", "down": "s", "left": "a", "right": "d"}


@dataclass(frozen=True)
class KeyboardConfig:
    """Key-to-motion settings. A terminal reports no key releases, so each press counts for a while.

    Raises:
        ConfigError: a number out of its range.
    """

    speed: float = 0.5
    """Fraction of the largest action that a key commands, in (0, 1]; + and - change it, z makes it a tenth."""
    hold_s: float = 0.2
    """How long one press moves [s]; longer than a control period, so that a tap between two reads is not lost."""
    engage: EngageConfig = field(default_factory=lambda: EngageConfig("deflection", release_s=0.7))
    """How the human engages; by default with any motion key."""

    def __post_init__(self) -> None:
        checks.positive(self, "speed")
        checks.fraction(self, "speed")
        checks.positive(self, "hold_s")


class Keyboard:
    """Reads keys from a terminal; put the terminal back with `close`, or use it in a `with` block.

    Ctrl-C keeps its meaning. A terminal that goes away (ssh ends) makes the device not alive.

    Args:
        layout: parts of the action; keys of parts that it lacks do nothing.
        terminal: the terminal to read; by default standard input, or this process's own terminal where a launcher took
            standard input away.

    Raises:
        ConfigError: `terminal` is not a terminal.
    """

    Settings = KeyboardConfig
    help = HELP
    go, clears = f"press {READY_KEY}", f"press {CLEAR_KEY}"
    reads_terminal = True

    @classmethod
    def open(cls, context: DeviceContext) -> "Keyboard":
        """Return the keyboard of this process's terminal.

        Raises:
            ConfigError: this is no terminal.
        """
        return cls(context.layout, context.settings, clock=context.clock)

    def __init__(
        self,
        layout: ActionLayout,
        config: KeyboardConfig | None = None,
        terminal: TextIO | int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config or KeyboardConfig()
        self._clock = clock or SystemClock()
        self._fd, self._owned = _descriptor(terminal)
        self._engagement = Engagement(self._config.engage)
        self._layout, self._axes = layout, _axes(layout)
        self._until_ns = np.zeros((layout.size, 2), np.int64)  # (A, 2): when the press of minus and plus ends
        self._button_until_ns = 0
        self._speed, self._fine = self._config.speed, False
        self._labels: list[str] = []
        self._estop = self._cleared = self._ready = self._save = False
        self._alive = True
        self._decoder = KeyDecoder()
        self._saved = self._enter_cbreak()

    def reset(self) -> None:
        """Begin an episode: of the keys pressed before it, only stop and save count."""
        keys = self._keys(self._clock.now_ns())
        self._estop, self._save = self._estop or STOP_KEY in keys, self._save or SAVE_KEY in keys
        self._until_ns[:] = 0
        self._button_until_ns = 0
        self._labels.clear()

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Take in the keys pressed since the last read and return the state now; never waits."""
        now_ns = self._clock.now_ns()
        for key in self._keys(now_ns):
            self._press(key, now_ns)
        action = self._action(now_ns)
        deflection = float(np.abs(action).max() > 0)
        if not self._alive:
            self._engagement.release()
        engaged = self._alive and self._engagement.update(now_ns < self._button_until_ns, deflection, now_ns)
        labels, self._labels = tuple(self._labels), []
        cleared, self._cleared = self._cleared, False
        ready, self._ready = self._ready, False
        save, self._save = self._save, False
        return DeviceState(action, engaged, labels, self._estop, self._alive, now_ns, cleared, ready, save=save)

    def close(self) -> None:
        """Give the terminal back as it was; reads from now on find the device not alive."""
        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        self._alive = False
        atexit.unregister(self.close)
        with contextlib.suppress(termios.error, OSError):  # the terminal is gone: nothing to give back
            termios.tcsetattr(self._fd, termios.TCSADRAIN, saved)
        self._let_go()

    def _let_go(self) -> None:
        """Close the terminal, if it was opened here."""
        owned, self._owned = self._owned, False
        if owned:
            os.close(self._fd)

    def __enter__(self) -> "Keyboard":
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _enter_cbreak(self) -> list[Any] | None:
        """Switch off line buffering and echo (but not Ctrl-C) and return what to restore."""
        try:
            saved = termios.tcgetattr(self._fd)
        except termios.error as error:
            self._let_go()
            raise ConfigError(
                f"keyboard: got input {self._fd} that is no terminal, expected one; "
                "run it in a terminal, over ssh with -t."
            ) from error
        tty.setcbreak(self._fd)
        atexit.register(self.close)  # a crash must not leave the shell without echo
        return saved

    def _keys(self, now_ns: int) -> list[str]:
        """Return the keys typed since the last call, at once; notice the end of the terminal."""
        received = b""
        try:
            if self._alive:
                received = read_pending(self._fd)
        except DeviceLostError:
            self._alive = False
        return [_ARROWS.get(key, key) for key in self._decoder.decode(received, now_ns)]

    def _press(self, key: str, now_ns: int) -> None:
        config = self._config
        if key in self._axes:
            axis, sign = self._axes[key]
            self._until_ns[axis, int(sign > 0)] = now_ns + round(config.hold_s * NS_PER_S)
        elif key == ENGAGE_KEY:
            self._button_until_ns = now_ns + round(BUTTON_HOLD_S * NS_PER_S)
        elif key in LABEL_KEYS:
            self._labels.append(LABEL_KEYS[key])
        elif key in (STOP_KEY, CLEAR_KEY):
            self._estop = key == STOP_KEY
            self._cleared = key == CLEAR_KEY
        elif key == READY_KEY:
            self._ready = True
        elif key == SAVE_KEY:
            self._save = True
        elif key == FINE_KEY:
            self._fine = not self._fine
        elif key in "+-":
            self._speed = float(np.clip(self._speed * (1.25 if key == "+" else 0.8), SPEED_MIN, 1.0))

    def _action(self, now_ns: int) -> np.ndarray:
        held = (self._until_ns > now_ns).astype(np.float32)
        action = np.float32(self._speed * (FINE if self._fine else 1.0)) * (held[:, 1] - held[:, 0])
        heads = self._layout.discrete_indices
        action[heads] = np.sign(action[heads])  # a command, not a speed
        return tool_action(action, self._layout)


class Keys(Keyboard):
    """The keyboard beside a device that moves the arm: its keys label, stop, and say that the scene is set."""

    help = LABEL_HELP
    moves = enables = False

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the present state without a motion."""
        return replace(super().read(proposed), action=None, engaged=False)


def _axes(layout: ActionLayout) -> dict[str, tuple[int, float]]:
    """Return key -> (axis, sign) for the parts that a layout has; of several robots, those of the first."""
    axes, arm = layout.of_robot(layout.robots[0])
    slices = arm.slices
    return {
        key: (axes.start + slices[part].start + component, sign)
        for key, (part, component, sign) in AXES.items()
        if part in slices and slices[part].start + component < slices[part].stop
    }


def _descriptor(terminal: TextIO | int | None) -> tuple[int, bool]:
    """Return the file descriptor of a terminal, and whether it was opened here.

    None: standard input if that is a terminal, else the terminal that started this process, if any.
    """
    if isinstance(terminal, int):
        return terminal, False
    if terminal is None and not sys.stdin.isatty():
        with contextlib.suppress(OSError):
            return os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY), True
    return (terminal or sys.stdin).fileno(), False
