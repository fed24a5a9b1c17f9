"""Liveness of processes: the end of one on this computer is known at once, however busy the computer is.

A process that is only late, or suspended, lives. Of a process on another computer, or in another container, nothing is
known here.

Source: pidfd_open(2), proc_pid_stat(5), pid_namespaces(7).
"""

from __future__ import annotations

import os
import select
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path

_START_FIELD = 19  # of /proc/PID/stat, after the name: start time of the process


def process_identity(pid: int = 0) -> str:
    """Return a name of a process (0: this one) that no other ever has; empty where the system offers none."""
    with suppress(OSError):
        return f"{_place()}/{pid or os.getpid()}/{_start(pid or os.getpid())}"
    return ""


class ProcessWatch:
    """Watch of the process of an identity."""

    def __init__(self, identity: str) -> None:
        self._ended, self._poll = False, select.poll()
        with suppress(OSError, ValueError):
            place, pid, start = identity.split("/")
            if place == _place() and hasattr(os, "pidfd_open"):
                self._open(int(pid), start)

    def _open(self, pid: int, start: str) -> None:
        try:
            fd = os.pidfd_open(pid)
            weakref.finalize(self, os.close, fd)
            self._ended = _start(pid) != start  # the number belongs to a later process
        except (ProcessLookupError, FileNotFoundError):
            self._ended = True
        else:
            self._poll.register(fd, select.POLLIN)

    def ended(self) -> bool:
        """Return whether the process is known to have ended."""
        self._ended = self._ended or bool(self._poll.poll(0))
        return self._ended


@cache
def _place() -> str:
    """Return boot and pid namespace, within which a pid names one process at a time."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"


def _start(pid: int) -> str:
    return (
        Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[_START_FIELD]
    )
