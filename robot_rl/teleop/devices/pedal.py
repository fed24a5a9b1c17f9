"""A foot pedal: a keyboard of a few keys, read as the kernel's input events.

It labels, stops, takes over and holds the dead-man; another device moves the arm. Events are `struct input_event`: the
kernel's time, type, code and value; of keys, 1 is pressed, 0 released, 2 repeated. A pedal says nothing while it is
held, so that one that hangs looks like a foot: a press ends after `press_max_s`.
Source: Linux, include/uapi/linux/input.h and input-event-codes.h.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import DeviceLostError, unknown_name
from robot_rl.core.labels import LABELS
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.plugged import CLEAR, ENGAGE, NOTHING, READY, SAVE, STOP, PluggedDevice, check_functions
from robot_rl.teleop.engagement import EngageConfig

EVENT = struct.Struct("llHHi")
"""Seconds, microseconds, type, code, value."""
SYNCHRONISATION, KEY = 0, 1  # types
DROPPED = 3  # of a synchronisation: the kernel's queue was full, events are lost
RELEASED, PRESSED = 0, 1
GRAB = 0x40044590  # EVIOCGRAB
READ_BYTES = 64 * EVENT.size
BY_ID = Path("/dev/input/by-id")
WORDS = ("foot", "pedal")
"""Parts of a pedal's name."""
ROWS = {2: "1234567890", 16: "qwertyuiop", 30: "asdfghjkl", 44: "zxcvbnm"}
CODES = {key: first + i for first, keys in ROWS.items() for i, key in enumerate(keys)}
CODES |= {"esc": 1, "backspace": 14, "tab": 15, "enter": 28, "space": 57, "home": 102, "up": 103, "pageup": 104}
CODES |= {"left": 105, "right": 106, "end": 107, "down": 108, "pagedown": 109}
CODES |= {f"f{i}": 58 + i for i in range(1, 11)} | {"f11": 87, "f12": 88} | {f"f{i}": 170 + i for i in range(13, 25)}
CODES |= {f"button{i}": 256 + i for i in range(64)}
"""Name of a key or button -> its code."""
NAMES = {code: key for key, code in CODES.items()}
FUNCTIONS = (*LABELS, STOP, CLEAR, READY, SAVE, ENGAGE, NOTHING)
KEYS = {"a": "success", "b": ENGAGE, "c": "failure"}
RULE = Path(__file__).with_name("60-robot-rl-pedal.rules")
RULE_ADVICE = f"sudo cp {RULE} /etc/udev/rules.d/ && sudo udevadm control --reload && sudo udevadm trigger"
HELP = "  Pedal: {keys}"


@dataclass(frozen=True)
class PedalConfig:
    """Settings of a foot pedal.

    Raises:
        ConfigError: a time that is not positive, an unknown key or function, or a stop that no key lifts.
    """

    path: str = ""
    """Event device, as in `/dev/input/by-id/usb-PCsensor_FootSwitch-event-kbd`; by default the only one with `foot` or
    `pedal` in its name."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key that a pedal types -> function: success, failure, undo, stage, stop, clear, ready, save, engage or nothing.
    By default `b` engages, which a single pedal of PCsensor types, and `a` and `c` beside it are success and failure.
    Keys are letters, digits, `f1` ..., `button0` ... or the kernel's numbers."""
    engage: EngageConfig = field(default_factory=EngageConfig)
    """How `engage` works: `hold` is a dead-man, `toggle` takes over and hands back."""
    press_max_s: float = 60.0
    """A dead-man held longer than this is released [s]: a pedal that hangs is silent as one that is held is."""

    def __post_init__(self) -> None:
        checks.positive(self, "press_max_s")
        checks.one_of(self.engage, ("hold", "toggle"), "mode")
        check_functions("keys", self.keys.values(), FUNCTIONS)
        for key in self.keys:
            if key not in CODES and not key.isdigit():
                raise unknown_name("keys", key, CODES)

    @property
    def functions(self) -> dict[int, str]:
        """Code of a key -> its function."""
        return {CODES.get(key) or int(key): name for key, name in (self.keys or KEYS).items()}


class Event(NamedTuple):
    """An event of a key; `code` None: events were lost."""

    code: int | None
    value: int = RELEASED


class EventFile:
    """An open event device, or a pipe with its bytes.

    Raises:
        DeviceLostError: it is not there, or may not be read.
    """

    def __init__(self, path: str) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise DeviceLostError(
                f"pedal: got '{error}', expected to read {path}; plug it in. It must be readable: {RULE_ADVICE}"
            ) from error
        self._rest = b""
        with contextlib.suppress(OSError):  # a pipe has none; nothing else shall get what the pedal types
            fcntl.ioctl(self._fd, GRAB, 1)

    def pending(self) -> Iterator[Event]:
        """Yield the events that have come.

        Raises:
            DeviceLostError: the device is gone.
        """
        while (data := self._read()) is not None:
            if not data:
                raise DeviceLostError("pedal: got its end, expected events; plug it in again.")
            data = self._rest + data
            self._rest = data[len(data) // EVENT.size * EVENT.size :]
            for _, _, kind, code, value in EVENT.iter_unpack(data[: len(data) - len(self._rest)]):
                if kind == KEY:
                    yield Event(code, value)
                elif (kind, code) == (SYNCHRONISATION, DROPPED):
                    yield Event(None)

    def _read(self) -> bytes | None:
        try:
            return os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise DeviceLostError(f"pedal: got '{error}', expected events; plug it in again.") from error

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


class Pedal(PluggedDevice[EventFile]):
    """A foot pedal; see the module.

    Args:
        folder: where the kernel's devices have their names.

    Raises:
        DeviceLostError: it is not there, or may not be opened.
    """

    Settings = PedalConfig
    moves = False

    @classmethod
    def open(cls, context: DeviceContext) -> Self:
        """Return the pedal of the settings.

        Raises:
            DeviceLostError: it is not there, or may not be opened.
        """
        return cls(context.settings, context.clock)

    def __init__(self, config: PedalConfig | None = None, clock: Clock | None = None, folder: Path = BY_ID) -> None:
        self._config, self._folder = config or PedalConfig(), folder
        self._functions = self._config.functions
        self._held: dict[int, int] = {}
        self._typed: int | None = None
        self.enables = ENGAGE in self._functions.values()
        keys = self._functions.items()
        self.help = HELP.format(keys=", ".join(f"{NAMES.get(code, code)} {function}" for code, function in keys))
        super().__init__(self._config.engage, clock or SystemClock())

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the state now; never waits."""
        now_ns = self._clock.now_ns()
        if not self._poll(now_ns):
            return self._buttons.state(None, False, False, None)
        engaged = self._engagement.update(self._buttons.engage, 0.0, now_ns)
        return self._buttons.state(None, engaged, True, now_ns)

    @property
    def detail(self) -> str:
        """The key that was typed last, for who sets up `keys`."""
        return "" if self._typed is None else f"last key {NAMES.get(self._typed, self._typed)}"

    def _connect(self) -> EventFile:
        self._held = {}
        return EventFile(self._config.path or str(find_pedal(self._folder)))

    def _receive(self, connection: EventFile, now_ns: int) -> None:
        for event in connection.pending():
            self._take(event, now_ns)
            self._update(now_ns)
        self._update(now_ns)

    def _take(self, event: Event, now_ns: int) -> None:
        """Take in one event; only a press that was seen counts as held, and lost events release."""
        if event.code is None:
            self._held.clear()
            self._engagement.release()
        elif event.value == PRESSED:
            self._held[event.code] = now_ns
            self._typed = event.code
        elif event.value == RELEASED:
            self._held.pop(event.code, None)

    def _update(self, now_ns: int) -> None:
        longest_ns = self._config.press_max_s * NS_PER_S
        held = {code for code, since_ns in self._held.items() if now_ns - since_ns <= longest_ns}
        self._buttons.update({self._functions[code] for code in held if code in self._functions})


def pedals(folder: Path = BY_ID) -> list[Path]:
    """Return the event devices that are pedals by their names; of one with several, its keyboard."""
    found = [path for path in sorted(folder.glob("*-event*")) if any(word in path.name.lower() for word in WORDS)]
    keyboards = {path.name.partition("-event")[0]: path for path in found if path.name.endswith("-event-kbd")}
    others = [path for path in found if path.name.partition("-event")[0] not in keyboards]
    return [*keyboards.values(), *others]


def find_pedal(folder: Path = BY_ID) -> Path:
    """Return the only pedal.

    Raises:
        DeviceLostError: none, or several.
    """
    found = pedals(folder)
    if len(found) != 1:
        advice = (
            "plug it in, or name its event device by --human.settings path PATH" if not found else "name one by path"
        )
        raise DeviceLostError(f"pedal: got {', '.join(map(str, found)) or 'none'}, expected one; {advice}.")
    return found[0]
