"""A polite way to end a process: Ctrl-C and SIGTERM set a flag that loops look at between two steps, and end a wait."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from robot_rl.core.errors import StopAskedError

PARENT_VARIABLE = "ROBOT_RL_PARENT_PID"
REMIND_S = 2.0


class StopSignal:
    """Callable that is true once the process was asked to stop, or once the parent that started it is gone.

    The first Ctrl-C or SIGTERM asks; a second Ctrl-C interrupts the hard way, for a loop that hangs.

    Args:
        remind_s: after how long a wait that goes on all the same is ended again [s].
    """

    def __init__(self, remind_s: float = REMIND_S) -> None:
        self._remind_s = remind_s
        self._asked = ""  # by which signal, or from inside
        self._awaited = ""  # what is waited for, while a signal may end that
        self._ended_s = -math.inf  # when the present wait was ended
        self._installed = False
        self._parent_pid = int(os.environ.get(PARENT_VARIABLE, 0))

    def install(self) -> StopSignal:
        """Listen to the signals; only the main thread can."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        self._installed = True
        return self

    def request(self) -> None:
        """Ask from inside the process."""
        self._asked = "a wish to stop"

    @contextmanager
    def ends_wait(self, awaited: str) -> Iterator[None]:
        """A signal ends what is done in this block, at once; so does one that came before it.

        For what may take long and leaves nothing half done: opening devices, setting up an episode. What a signal's
        handler raises may be swallowed by the code that it interrupts, such as a callback from C: a wait that goes on
        is ended again every `remind_s`, which is also the time that its clean-up has.

        Args:
            awaited: what is waited for, in words.

        Raises:
            StopAskedError: a signal came.
        """
        self._awaited, self._ended_s, over = awaited, -math.inf, threading.Event()
        if self._installed:
            threading.Thread(target=self._remind, args=(over,), name="stop reminder", daemon=True).start()
        try:
            if self._asked:
                self._end_wait()
            yield
        finally:
            self._awaited = ""
            over.set()

    def __call__(self) -> bool:
        return bool(self._asked) or (self._parent_pid > 0 and os.getppid() != self._parent_pid)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = self._asked or signal.Signals(number).name
        if (
            self._awaited and time.monotonic() - self._ended_s >= 0.9 * self._remind_s
        ):  # what cleans up is left in peace
            self._end_wait()

    def _end_wait(self) -> None:
        self._ended_s = time.monotonic()
        raise StopAskedError(f"got {self._asked} while waiting for {self._awaited}")

    def _remind(self, over: threading.Event) -> None:
        while not over.wait(self._remind_s):
            if self._asked:
                os.kill(os.getpid(), signal.SIGTERM)
