"""Keys of a terminal without its escape sequences.

Source: ECMA-48 (control sequences); xterm's control sequences (SS3, mouse reports); console_codes(4) (`ESC [ [`).
"""

import os
import re
import select

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import DeviceLostError

SEQUENCE_S = 0.2
"""How long the rest of an escape sequence may take to arrive [s]; longer: the Escape key."""
STOP_KEY, CLEAR_KEY = "x", "c"

_ESC = "\x1b"
_WHOLE = re.compile(
    r"\x1b{1,2}(?:"
    r"\[M[\s\S]{3}"  # mouse, in three bytes
    r"|\[\[[\s\S]"  # function keys of the Linux console
    r"|\[(?![M\[])[0-?]*[ -/]*[@-WYZ\\^-wyz{-~]"  # arrows, function keys, focus, replies; not the stop key's letter
    r"|[NO][0-9;]*[^0-9;]"  # single shift: arrows and function keys in application mode
    r"|[P\]X^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # strings: replies about colours and titles
    r")"
)
_PART = re.compile(r"\x1b{1,2}(?:\[M[\s\S]{0,2}|\[\[?|\[(?![M\[])[0-?]*[ -/]*|[NO][0-9;]*|[P\]X^_][^\x07\x1b]*\x1b?)?")
_BROKEN = re.compile(r"\x1b+(?:\[[0-?]*[ -/]*)?")  # then a key: pressed together with Alt, or after a torn sequence
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}


class KeyDecoder:
    """Turns what a terminal sends into keys; escape sequences other than plain arrows are no keys, in however many
    pieces they come.

    The stop key is never lost: it counts after Escape, with Alt, and in a sequence that is never completed.
    """

    def __init__(self) -> None:
        self._part = ""  # of a sequence whose rest has not come yet
        self._since_ns = 0

    def decode(self, received: bytes, now_ns: int) -> list[str]:
        """Return the keys, oldest first: lower-case characters, and `up`, `down`, `left`, `right`.

        Args:
            received: what arrived since the last call, maybe nothing.
            now_ns: the present moment [ns], by which a torn sequence is given up.
        """
        keys: list[str] = []
        if self._part and now_ns - self._since_ns > SEQUENCE_S * NS_PER_S:
            keys, self._part = _stops(self._part), ""
        text, before, self._part = self._part + received.decode("latin-1"), self._part, ""
        while text:
            if not text.startswith(_ESC):
                keys, text = [*keys, text[0].lower()], text[1:]
            elif whole := _WHOLE.match(text):
                keys, text = keys + _arrow(whole[0]), text[whole.end() :]
            elif _PART.fullmatch(text):
                self._since_ns = self._since_ns if before else now_ns
                self._part, text = text, ""
            else:
                broken = _BROKEN.match(text)
                end = broken.end() if broken else 1
                keys, text = keys + _stops(text[end : end + 1]), text[end + 1 :]
        return keys


def _arrow(sequence: str) -> list[str]:
    """Return the arrow of a sequence without modifiers, if it is one."""
    plain = len(sequence) == 3 and sequence[1] in "[O"
    return [_ARROWS[sequence[2]]] if plain and sequence[2] in _ARROWS else []


def _stops(text: str) -> list[str]:
    return [STOP_KEY] if STOP_KEY in text.lower() else []


def read_pending(fd: int) -> bytes:
    """Return what was typed, at once.

    Raises:
        DeviceLostError: the terminal is gone.
    """
    received = b""
    try:
        while select.select([fd], [], [], 0.0)[0]:
            part = os.read(fd, 1024)
            if not part:
                raise OSError("end of input")
            received += part
    except (OSError, ValueError) as error:
        raise DeviceLostError(f"terminal: got {error}, expected an open one; start again in a terminal.") from error
    return received
