"""A polite way to end a process: Ctrl-C and SIGTERM set a flag that loops look at between two steps."""

from __future__ import annotations

import os
import signal
from types import FrameType

PARENT_VARIABLE = "ROBOT_RL_PARENT_PID"


class StopSignal:
    """Callable that is true once the process was asked to stop, or once the parent that started it is gone.

    The first Ctrl-C or SIGTERM asks; a second Ctrl-C interrupts the hard way, for a loop that hangs.
    """

    def __init__(self) -> None:
        self._asked = False
        self._parent_pid = int(os.environ.get(PARENT_VARIABLE, 0))

    def install(self) -> StopSignal:
        """Listen to the signals; only the main thread can."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        return self

    def request(self) -> None:
        """Ask from inside the process."""
        self._asked = True

    def __call__(self) -> bool:
        return self._asked or (self._parent_pid > 0 and os.getppid() != self._parent_pid)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True
