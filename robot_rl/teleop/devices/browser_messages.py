"""Messages from the operator's page to the program that acts: JSON, bounded and checked, the same at both ends."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from robot_rl.core.errors import BadMessageError
from robot_rl.core.labels import LABELS

BYTES_MAX = 512
"""Longest message [bytes]."""
STOP, CLEAR, GO, PAUSE, FINISH, SAVE = "stop", "clear", "go", "pause", "finish", "save"
BUTTONS = (*LABELS, STOP, CLEAR, GO, PAUSE, FINISH, SAVE)
"""Functions of the page's buttons: a label, the emergency stop, lifting it, the next episode, the arm's rest until
then, the end of the run, the last seconds as an episode."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The hand on the joystick, and a sign of life; sent many times a second."""

    held: bool
    """Whether the dead-man is held."""
    move: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Forward, left, up in [-1, 1], in the operator's frame."""
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Roll, pitch, yaw in [-1, 1]."""
    gripper: float = 0.0
    """-1 closes, 1 opens, 0 holds."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button was pressed."""

    button: str


@dataclass(frozen=True, slots=True)
class Control:
    """Whether a browser takes control, or gives it back; the page's server answers it."""

    take: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """A question after the time of a round trip; the page's server answers it."""

    sent: float


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a browser has control now; from the page's server."""

    present: bool


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life of the page's server, with browsers or without."""


Message = Motion | Press | Control | Ping | Presence | Alive
_TYPES: Mapping[str, Any] = {kind.__name__.lower(): kind for kind in (Motion, Press, Control, Ping, Presence, Alive)}
FROM_BROWSER = (Motion, Press, Control, Ping)


def write_message(message: Message) -> bytes:
    """Return a message as JSON."""
    return json.dumps({"type": type(message).__name__.lower(), **asdict(message)}).encode()


def read_message(data: str | bytes) -> Message:
    """Return a checked message.

    Raises:
        BadMessageError: too long, no JSON, another type, missing or unknown entries, or values out of range.

    Example:
        >>> read_message('{"type": "press", "button": "undo"}')
        Press(button='undo')
    """
    try:
        entries = json.loads(data) if len(data) <= BYTES_MAX else None
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise _bad(data, f"a JSON object of at most {BYTES_MAX} bytes")
    kind = _TYPES.get(str(entries.pop("type", "")))
    if kind is None or entries.keys() != kind.__dataclass_fields__.keys():
        raise _bad(data, f"one of {', '.join(_TYPES)} with all of its entries")
    if kind is Motion:
        entries |= {name: tuple(entries[name]) for name in ("move", "turn") if isinstance(entries[name], list)}
    if not all(_CHECKS[name](value) for name, value in entries.items()):
        raise _bad(data, "entries of the right type and range")
    message: Message = kind(**entries)
    return message


def _bad(data: str | bytes, expected: str) -> BadMessageError:
    return BadMessageError(f"message of the page: got {data[:80]!r}, expected {expected}; load the page again.")


def _is_number(value: Any, limit: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= limit


def _is_direction(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(_is_number(part, 1.0) for part in value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


_CHECKS = {
    "held": _is_flag,
    "move": _is_direction,
    "turn": _is_direction,
    "gripper": lambda value: _is_number(value, 1.0) and float(value).is_integer(),
    "button": lambda value: value in BUTTONS,
    "take": _is_flag,
    "present": _is_flag,
    "sent": lambda value: _is_number(value, 1e15),
}
