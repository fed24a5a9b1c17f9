"""Scheduling of the threads that a driver's library starts, and of the thread that calls it.

A library may start its own threads in any call that connects, recovers or starts a stream, and may change the calling
thread's priority (libfranka: SCHED_FIFO 99). New threads inherit the loop's core, and ordinary scheduling because of
SCHED_RESET_ON_FORK: a 1 kHz exchange would then wait behind the loop itself.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TASKS = Path("/proc/self/task")


class DriverThreads:
    """The threads of one driver's library.

    Args:
        priority: SCHED_FIFO priority of its threads, as far as permitted; 0: ordinary scheduling.
        loop_cpu: the loop's core, which they leave free; None: they share all cores.
    """

    def __init__(self, priority: int, loop_cpu: int | None) -> None:
        cores = os.sched_getaffinity(0)
        self._priority, self._cores = priority, cores - {loop_cpu} or cores

    @contextmanager
    def around(self) -> Iterator[None]:
        """Let the library start threads; afterwards they have their core and priority, and the caller its own."""
        before, cores = set(os.listdir(TASKS)), os.sched_getaffinity(0)
        policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setaffinity(0, self._cores)  # inherited by new threads from their first instruction on
        try:
            yield
        finally:
            os.sched_setaffinity(0, cores)
            with suppress(PermissionError):
                os.sched_setscheduler(0, policy, parameters)
            for thread in set(os.listdir(TASKS)) - before:
                self._settle(int(thread))

    def _settle(self, thread: int) -> None:
        policy = os.SCHED_FIFO if self._priority else os.SCHED_OTHER
        with suppress(OSError):  # it has ended, or the priority is not permitted
            os.sched_setaffinity(thread, self._cores)
            os.sched_setscheduler(thread, policy, os.sched_param(self._priority))
