"""CPU shielding: a core for one thread, from which all other threads are moved while that thread's process lives.

Like `isolcpus`, without a reboot. A guard process (`python -m controllers.host.shield CPU THREAD`) removes the core
from the affinity of every other thread on the machine, repeats that periodically, and restores all affinities when its
input ends: at the end of the `with` block, or when its parent is killed. The kernel's own threads of that core stay,
and so do those of other users where moving them is not permitted.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

GUARD = "controllers.host.shield"
AGAIN_S = 0.25
SWEEPS = 3  # before the first answer: a process may start between listing and moving


class ShieldStatus(NamedTuple):
    """Result of shielding a core."""

    moved: int
    """Threads moved off it."""
    refused: int
    """Threads of other users, which stay."""

    def advice(self) -> str:
        """Advice for threads that stay; empty without any."""
        if not self.refused:
            return ""
        return f"{self.refused} threads of other users stay on the loop's core: run as root, or boot with isolcpus"


NOT_SHIELDED = ShieldStatus(0, 0)


class Shield:
    """Moves threads off a core and records their former affinity.

    Other shields take and return their own cores meanwhile, so affinities are compared without those.

    Args:
        spared: threads that keep the core.
        processes: folder in which the kernel lists processes.
        system: `sched_getaffinity` and `sched_setaffinity`.
    """

    def __init__(self, cpu: int, spared: Sequence[int], processes: Path = Path("/proc"), system: Any = os) -> None:
        self._cpu, self._spared, self._processes = cpu, set(spared), processes
        self._affinity, self._move = system.sched_getaffinity, system.sched_setaffinity
        self._moved: dict[int, frozenset[int]] = {}  # former affinity of each
        self._others: set[int] = set()  # cores of the other shields seen so far
        self._elsewhere = {
            thread for thread, cores in self._threads() if cpu not in cores
        }  # threads that never had the core

    def keep_off(self) -> ShieldStatus:
        """Remove the core from every thread that has another one; a thread that moved back meanwhile counts once."""
        refused = 0
        self._meet_others()
        for thread, cores in self._threads():
            if self._cpu in cores and len(cores) > 1:
                try:
                    self._move(thread, cores - {self._cpu})
                    self._moved[thread] = cores
                except PermissionError:
                    refused += 1
                except OSError:  # it has ended, or is the kernel's
                    pass
        return ShieldStatus(len(self._moved), refused)

    def let_back(self) -> None:
        """Return the core to all moved threads and to threads they started meanwhile, unless they chose others."""
        self._meet_others()
        left = {thread: cores - self._others - {self._cpu} for thread, cores in self._moved.items()}
        inherited = set(left.values())
        for thread, cores in self._threads():
            now = cores - self._others
            if now == left[thread] if thread in left else now in inherited and thread not in self._elsewhere:
                with suppress(OSError):  # it has ended
                    self._move(thread, cores | {self._cpu})
        self._moved.clear()

    def _meet_others(self) -> None:
        """Add the cores of the guards that are alive."""
        for process in self._processes.iterdir():
            with suppress(OSError, ValueError):  # it has ended, or is no guard
                *_, module, cpu, _, _ = (process / "cmdline").read_text(errors="replace").split("\0")
                if module == GUARD and int(cpu) != self._cpu:
                    self._others.add(int(cpu))

    def _threads(self) -> Iterator[tuple[int, frozenset[int]]]:
        """Yield every thread except the spared ones, with its affinity."""
        for process in self._processes.iterdir():
            for thread in map(int, _names(process / "task") if process.name.isdigit() else ()):
                if thread not in self._spared:
                    try:
                        yield thread, frozenset(self._affinity(thread))
                    except ProcessLookupError:
                        continue


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it has ended
        return []


@contextmanager
def shielded(cpu: int) -> Iterator[ShieldStatus]:
    """Reserve the core for this thread within the block, as far as permitted."""
    command = [sys.executable, "-m", GUARD, str(cpu), str(threading.get_native_id())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as guard:
        assert guard.stdin is not None and guard.stdout is not None
        words = guard.stdout.readline().split() or ["0", "0"]  # its error is on the terminal
        try:
            yield ShieldStatus(*map(int, words))
        finally:
            guard.stdin.close()


def main(arguments: Sequence[str]) -> int:
    """`CPU THREAD`: move all other threads off, print the result, restore when the input ends."""
    cpu, spared = (int(word) for word in arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends after the process that it guards
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # its parent may be SCHED_FIFO
    with suppress(OSError):  # it started on that core
        os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {cpu})
    shield = Shield(cpu, [spared])
    try:
        for _ in range(SWEEPS):
            kept = shield.keep_off()
        print(*kept, flush=True)
        while not select.select([sys.stdin], [], [], AGAIN_S)[0]:
            shield.keep_off()
    finally:
        shield.let_back()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
