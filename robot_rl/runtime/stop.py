"""A polite way to end a process: Ctrl-C and SIGTERM set a flag that loops look at between two steps, and end a wait."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from robot_rl.core.errors import StopAskedError

PARENT_VARIABLE = "ROBOT_RL_PARENT_PID"


class StopSignal:
    """Callable that is true once the process was asked to stop, or once the parent that started it is gone.

    The first Ctrl-C or SIGTERM asks; a second Ctrl-C interrupts the hard way, for a loop that hangs.
    """

    def __init__(self) -> None:
        self._asked = ""  # by which signal, or from inside
        self._awaited = ""  # what is waited for, while a signal may end that
        self._parent_pid = int(os.environ.get(PARENT_VARIABLE, 0))

    def install(self) -> StopSignal:
        """Listen to the signals; only the main thread can."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        return self

    def request(self) -> None:
        """Ask from inside the process."""
        self._asked = "a wish to stop"

    @contextmanager
    def ends_wait(self, awaited: str) -> Iterator[None]:
        """A signal ends what is done in this block, at once; so does one that came before it.

        For what may take long and leaves nothing half done: opening devices, setting up an episode.

        Args:
            awaited: what is waited for, in words.

        Raises:
            StopAskedError: a signal came.
        """
        self._awaited = awaited
        try:
            if self._asked:
                self._end_wait()
            yield
        finally:
            self._awaited = ""

    def __call__(self) -> bool:
        return bool(self._asked) or (self._parent_pid > 0 and os.getppid() != self._parent_pid)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = signal.Signals(number).name
        if self._awaited:
            self._end_wait()

    def _end_wait(self) -> None:
        awaited, self._awaited = self._awaited, ""  # what then cleans up is left in peace
        raise StopAskedError(f"got {self._asked} while waiting for {awaited}")
