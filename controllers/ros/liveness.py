"""Liveness of processes: the end of one on this computer is known at once, however busy the computer is.

A process that is only late, or suspended, lives. Of a process on another computer or in another container nothing is
known here. Source: pidfd_open(2), pid_namespaces(7).
"""

import os
import select
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path


def process_identity(pid: int = 0) -> str:
    """Return a name of a process (0: this one) by boot, pid namespace and pid; empty where the system offers none."""
    return f"{_place()}/{pid or os.getpid()}" if _place() else ""


class ProcessWatch:
    """Watch of the process of an identity, which may be empty."""

    def __init__(self, identity: str) -> None:
        self._ended, self._poll = False, select.poll()
        place, _, pid = identity.partition("/")
        if not place or place != _place():
            return
        with suppress(OSError, ValueError, OverflowError):  # then its end is known by its silence only
            try:
                fd = os.pidfd_open(int(pid))
            except ProcessLookupError:
                self._ended = True
                return
            weakref.finalize(self, os.close, fd)
            self._poll.register(fd, select.POLLIN)

    def ended(self) -> bool:
        """Return whether the process is known to have ended."""
        self._ended = self._ended or bool(self._poll.poll(0))
        return self._ended


@cache
def _place() -> str:
    """Return boot and pid namespace, within which a pid names one process at a time."""
    with suppress(OSError):
        os.close(os.pidfd_open(os.getpid()))
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"
    return ""
