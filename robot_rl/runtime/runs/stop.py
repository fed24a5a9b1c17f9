"""Orderly stop of a process: Ctrl-C and SIGTERM set a flag that loops read between two steps, and end a wait."""

import ctypes
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from robot_rl.core.errors import StopRequestedError

PARENT_VARIABLE = "ROBOT_RL_PARENT_PID"
REMIND_S = 2.0
PR_SET_PDEATHSIG = 1
"""Source: prctl(2)."""


class StopSignal:
    """Callable that is true once a stop was requested, or once the parent process has ended.

    The first Ctrl-C or SIGTERM requests a stop; a second Ctrl-C raises KeyboardInterrupt, for a loop that hangs.

    Args:
        remind_s: time after which a wait that continues nevertheless is interrupted again [s].
    """

    def __init__(self, remind_s: float = REMIND_S) -> None:
        self._remind_s = remind_s
        self._asked = ""  # by which signal, or from inside
        self._awaited = ""  # description of the present wait, while a signal may end it
        self._ended_s = -math.inf  # when the present wait was ended
        self._installed = False
        self._parent_pid = int(os.environ.get(PARENT_VARIABLE, 0))

    def install(self) -> Self:
        """Install the signal handlers; only the main thread can.

        Raises:
            StopRequestedError: the parent process has ended already.
        """
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        self._installed = True
        if self._parent_pid > 0 and not self.orphaned and hasattr(os, "pidfd_open"):  # Linux
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # the parent's end ends a wait, too
        if self.orphaned:
            raise StopRequestedError("the process that started this one has ended, before it could begin")
        return self

    def request(self) -> None:
        """Request a stop from inside the process."""
        self._asked = "a stop request"

    @contextmanager
    def ends_wait(self, awaited: str) -> Iterator[None]:
        """Let a signal interrupt this block at once; so does one that came before it.

        For long operations that leave nothing half done: opening devices, setting up an episode. An exception of the
        signal handler may be swallowed by the interrupted code, such as a callback from C: a wait that continues is
        interrupted again every `remind_s`, which is also the time for its clean-up.

        Args:
            awaited: description of the wait.

        Raises:
            StopRequestedError: a signal arrived.
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

    @property
    def orphaned(self) -> bool:
        """Whether the parent process has ended."""
        return self._parent_pid > 0 and os.getppid() != self._parent_pid

    def __call__(self) -> bool:
        return bool(self._asked) or self.orphaned

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = self._asked or signal.Signals(number).name
        if self._awaited and time.monotonic() - self._ended_s >= 0.9 * self._remind_s:  # clean-up is not interrupted
            self._end_wait()

    def _end_wait(self) -> None:
        self._ended_s = time.monotonic()
        raise StopRequestedError(f"got {self._asked} while waiting for {self._awaited}")

    def _remind(self, over: threading.Event) -> None:
        while not over.wait(self._remind_s):
            if self._asked:
                os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def writes_at_the_end(file: Path, what: str) -> Iterator[None]:
    """Turn Ctrl-C in a block that writes one file, whole, at its end into what was kept and how to go on.

    Args:
        what: is interrupted.

    Raises:
        StopRequestedError: Ctrl-C came.
    """
    try:
        yield
    except KeyboardInterrupt:
        written = "is as it was" if file.exists() else "was not written"
        raise StopRequestedError(
            f"{what}: got Ctrl-C; {file} {written}, nothing else has changed; start the same command again."
        ) from None
