"""Real-time settings of a process: scheduling, locked memory, CPU latency.

Each setting is requested separately; a loop without privileges runs with the others and reports the missing ones.
"""

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
LATENCY_FILE = Path("/dev/cpu_dma_latency")  # the kernel applies the written value [us] while the file is open
PR_SET_PDEATHSIG = 1
SWITCH_S = 50e-6  # Python's own 5 ms are five cycles
PRIORITY = 80  # above the kernel's threaded interrupts (50), below its watchdogs (99)


class RealtimeStatus(NamedTuple):
    """Settings that the kernel granted."""

    fifo: bool
    """SCHED_FIFO: no thread of ordinary priority preempts the loop."""
    memory_locked: bool
    """mlockall: no page fault of this process reads from disk."""
    awake: bool
    """Idle states are disabled: waking a core takes up to a millisecond in a virtual machine."""

    def advice(self) -> str:
        """Advice for the settings that were not granted; empty when all were."""
        missing = []
        if not self.fifo:
            missing.append("SCHED_FIFO is not permitted: set rtprio 99 for this user in /etc/security/limits.d")
        if not self.memory_locked:
            missing.append("mlockall is not permitted: set memlock unlimited for this user in /etc/security/limits.d")
        if not self.awake:
            missing.append(f"{LATENCY_FILE} may not be opened: give this user's group rw on it with a udev rule")
        return "; ".join(missing)


@contextmanager
def realtime() -> Iterator[RealtimeStatus]:
    """Apply within the block, as far as permitted: SCHED_FIFO, locked memory, no idle states, no garbage collection.

    Other threads of this process release Python's lock within SWITCH_S, and threads started within the block do not
    inherit the priority. Afterwards everything is restored.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    collecting, switch_s = gc.isenabled(), sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.disable()
    awake = _keep_awake()
    fifo = _set_scheduler(os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    granted = RealtimeStatus(fifo, ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE) == 0, awake is not None)
    try:
        yield granted
    finally:
        if awake is not None:
            awake.close()
        if granted.memory_locked:
            ctypes.CDLL(None).munlockall()
        if granted.fifo:
            # without privileges the flag that threads inherit nothing cannot be cleared
            _set_scheduler(policy, parameters) or _set_scheduler(policy | os.SCHED_RESET_ON_FORK, parameters)
        sys.setswitchinterval(switch_s)
        gc.unfreeze()
        if collecting:
            gc.enable()


def end_with_parent() -> bool:
    """Make the kernel send SIGTERM when the parent dies; return False if it is dead already. Linux only."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def _set_scheduler(policy: int, parameters: os.sched_param) -> bool:
    try:
        os.sched_setscheduler(0, policy, parameters)
    except PermissionError:
        return False
    return True


def _keep_awake() -> BinaryIO | None:
    """Forbid idle states with a wake-up latency above 0 us until the returned file closes."""
    try:
        file = LATENCY_FILE.open("wb", buffering=0)
    except OSError:
        return None
    file.write(bytes(4))  # an int32
    return file
