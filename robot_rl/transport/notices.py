"""Lines about what went wrong on the wire, bounded in number: no message may fill a log."""

from collections.abc import Callable

from robot_rl.core.clock import Clock

REPEAT_S = 60.0
LINES_MAX = 100
"""Different lines within that time."""
LENGTH_MAX = 1000


class Notices:
    """Lines, each at most once a minute.

    Args:
        write: receives each line.
    """

    def __init__(self, write: Callable[[str], None], clock: Clock) -> None:
        self._write, self._clock = write, clock
        self._since_s = clock.now_s()
        self._lines: set[str] = set()

    def say(self, text: str) -> None:
        """Write a line, unless it, or too many others, were written within the last minute."""
        line = "".join(letter if letter.isprintable() else "?" for letter in text[:LENGTH_MAX])
        if self._clock.now_s() - self._since_s >= REPEAT_S:
            self._lines, self._since_s = set(), self._clock.now_s()
        if line not in self._lines and len(self._lines) < LINES_MAX:
            self._lines.add(line)
            self._write(line)
