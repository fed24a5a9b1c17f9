"""Log of warnings: each text once, counted, newest last."""

import threading

KEPT = 64


class WarningLog:
    """A bounded list of texts with counts; threads may share it.

    Example:
        >>> problems = WarningLog()
        >>> problems.note("wrench: got nothing for 0.2 s, expected a sample every 0.1 s; is its publisher alive?")
        >>> problems.note("a: b", "a: c")
        >>> problems.note("a: d", "a: c")
        >>> problems.texts()[-1]
        'a: d (2 times)'
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[str, int]] = {}

    def note(self, text: str, kind: str = "", times: int = 1) -> None:
        """Count a problem. Texts of one `kind` (without their changing numbers) share a line; the newest is shown."""
        with self._lock:
            _, before = self._seen.pop(kind or text, ("", 0))
            self._seen[kind or text] = (text, before + times)
            if len(self._seen) > KEPT:
                del self._seen[next(iter(self._seen))]

    def texts(self) -> tuple[str, ...]:
        """The lines, newest last."""
        with self._lock:
            return tuple(text if count == 1 else f"{text} ({count} times)" for text, count in self._seen.values())

    def count(self) -> int:
        """Total count of the warnings still kept."""
        with self._lock:
            return sum(count for _, count in self._seen.values())
