"""Number of steps that an actor has made in all its sessions, in a file that is current also after a kill."""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

STEPS_FILE = "env_steps"
DIGITS = 20


def read_step_count(folder: Path) -> int:
    """Return the number of steps made so far; 0 where it is not known."""
    try:
        text = (folder / STEPS_FILE).read_text("ascii")
    except (OSError, ValueError):
        return 0
    return int(text) if len(text) == DIGITS and text.isdecimal() else 0


class StepCount:
    """Writer of the number, after each step: an episode that a kill cuts off never gets its line of metrics.

    Without room on the disk the count is lost, and the work goes on.

    Args:
        before: steps of earlier sessions.
    """

    def __init__(self, folder: Path, before: int) -> None:
        self._count, self._file = before, -1
        with suppress(OSError):
            self._file = os.open(folder / STEPS_FILE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._write()

    def add(self, _: object) -> None:
        """Count a step."""
        self._count += 1
        self._write()

    def _write(self) -> None:
        with suppress(OSError):
            os.pwrite(self._file, f"{self._count:0{DIGITS}d}".encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(OSError):
            os.close(self._file)
