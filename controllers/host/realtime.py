"""What a process can ask of the kernel so that its loop is not kept waiting, and what it was granted.

Each wish is granted or not by itself: a loop without privileges runs as well as it can, and says what was missing.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

MCL_CURRENT, MCL_FUTURE = 1, 2
LATENCY_FILE = Path("/dev/cpu_dma_latency")  # as long as it is open, the kernel keeps what was written into it [us]
PR_SET_PDEATHSIG = 1
SWITCH_S = 50e-6  # Python's own 5 ms are five cycles
PRIORITY = 80  # above the kernel's threaded interrupts (50), below its watchdogs (99)


class RealtimeStatus(NamedTuple):
    """Which wishes the kernel granted."""

    fifo: bool
    """SCHED_FIFO: nothing of ordinary priority interrupts the loop."""
    memory_locked: bool
    """mlockall: no page of this process is ever fetched from disk."""
    awake: bool
    """No core sleeps deeper than a busy wait: waking one takes time, in a virtual machine a millisecond at worst."""

    def advice(self) -> str:
        """What to do about the wishes that were not granted; empty when all were."""
        missing = []
        if not self.fifo:
            missing.append("SCHED_FIFO is not permitted: set rtprio 99 for this user in /etc/security/limits.d")
        if not self.memory_locked:
            missing.append("mlockall is not permitted: set memlock unlimited for this user in /etc/security/limits.d")
        if not self.awake:
            missing.append(f"{LATENCY_FILE} may not be opened: give this user's group rw on it with a udev rule")
        return "; ".join(missing)


@contextmanager
def realtime(priority: int = PRIORITY) -> Iterator[RealtimeStatus]:
    """Within it: SCHED_FIFO, locked memory, cores that stay awake, a still garbage collector; as far as permitted.

    Another thread of this process hands Python's lock over within SWITCH_S, and none that is born within inherits the
    priority. Afterwards everything is as before.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    collecting, switch_s = gc.isenabled(), sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.disable()
    awake = _keep_awake()
    fifo = _set_scheduler(os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    granted = RealtimeStatus(fifo, _lock_memory(), awake is not None)
    try:
        yield granted
    finally:
        if awake is not None:
            awake.close()
        if granted.memory_locked:
            ctypes.CDLL(None).munlockall()
        if granted.fifo:
            # without privileges the mark that threads inherit nothing cannot be taken back
            _set_scheduler(policy, parameters) or _set_scheduler(policy | os.SCHED_RESET_ON_FORK, parameters)
        sys.setswitchinterval(switch_s)
        gc.unfreeze()
        if collecting:
            gc.enable()


def end_with_parent() -> bool:
    """Have the kernel send SIGTERM when the parent dies, however it dies; False: it died meanwhile. Linux only."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def _set_scheduler(policy: int, parameters: os.sched_param) -> bool:
    try:
        os.sched_setscheduler(0, policy, parameters)
    except PermissionError:
        return False
    return True


def _lock_memory() -> bool:
    return bool(ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE) == 0)


def _keep_awake() -> BinaryIO | None:
    """Forbid sleeps that take longer than 0 us to wake from, until the file that is returned closes."""
    try:
        file = LATENCY_FILE.open("wb", buffering=0)
    except OSError:
        return None
    file.write(bytes(4))  # an int32
    return file
