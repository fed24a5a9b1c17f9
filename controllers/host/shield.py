"""A core for one thread: everybody else is kept off it as long as that thread's process lives.

What `isolcpus` does at boot, for a computer that was not booted so. A guard, a process of its own (`python -m
controllers.host.shield CPU THREAD`), takes the core out of the affinity of every other thread on the machine, looks
again from time to time, and puts all back when its input ends: at the end of the `with` block, or when its parent is
killed. The kernel's own threads of that core stay, and so do those of other users where that is not permitted.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

AGAIN_S = 0.25
SWEEPS = 3  # before the first answer: a process may be born between looking and moving


class ShieldStatus(NamedTuple):
    """What became of a wish for a core."""

    moved: int
    """Threads that were taken off it."""
    refused: int
    """Threads that are another user's, and stay."""

    def advice(self) -> str:
        """What to do about those that stay; empty when there are none."""
        if not self.refused:
            return ""
        return f"{self.refused} threads of other users stay on the loop's core: run as root, or boot with isolcpus"


NOBODY = ShieldStatus(0, 0)


class Shield:
    """Keeps threads off a core, and knows where they may run otherwise.

    Args:
        spared: threads that keep the core.
        processes: where the kernel lists them.
    """

    def __init__(self, cpu: int, spared: Sequence[int], processes: Path = Path("/proc")) -> None:
        self._cpu, self._spared, self._processes = cpu, set(spared), processes
        self._moved: dict[int, frozenset[int]] = {}  # where each may run otherwise
        self._elsewhere = {thread for thread, cores in self._threads() if cpu not in cores}  # who never had the core

    def keep_off(self) -> ShieldStatus:
        """Take the core from everybody who has another one; a thread that moved back meanwhile counts once."""
        refused = 0
        for thread, cores in self._threads():
            if self._cpu in cores and len(cores) > 1:
                try:
                    os.sched_setaffinity(thread, cores - {self._cpu})
                    self._moved[thread] = cores
                except PermissionError:
                    refused += 1
                except OSError:  # it has ended, or is the kernel's
                    pass
        return ShieldStatus(len(self._moved), refused)

    def let_back(self) -> None:
        """Give everybody the core back: who was moved, and who was born meanwhile where those who were moved are."""
        fewer = {cores - {self._cpu}: cores for cores in self._moved.values()}
        for thread, cores in self._threads():
            if cores in fewer and thread not in self._elsewhere:
                _move(thread, self._moved.get(thread, fewer[cores]))
        self._moved.clear()

    def _threads(self) -> Iterator[tuple[int, frozenset[int]]]:
        """Every thread but those that are spared, and where it may run."""
        for process in self._processes.iterdir():
            for thread in map(int, _names(process / "task") if process.name.isdigit() else ()):
                if thread not in self._spared:
                    try:
                        yield thread, frozenset(os.sched_getaffinity(thread))
                    except ProcessLookupError:
                        continue


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it has ended
        return []


def _move(thread: int, cores: frozenset[int]) -> None:
    with suppress(OSError):  # it has ended
        os.sched_setaffinity(thread, cores)


@contextmanager
def shielded(cpu: int) -> Iterator[ShieldStatus]:
    """Within it only this thread runs on the core, as far as permitted."""
    command = [sys.executable, "-m", "controllers.host.shield", str(cpu), str(threading.get_native_id())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as guard:
        assert guard.stdin is not None and guard.stdout is not None
        words = guard.stdout.readline().split() or ["0", "0"]  # its error is on the terminal
        try:
            yield ShieldStatus(*map(int, words))
        finally:
            guard.stdin.close()


def main(arguments: Sequence[str]) -> int:
    """`CPU THREAD`: keep everybody else off, say how that went, let them back when the input ends."""
    cpu, spared = (int(word) for word in arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends after the process that it guards
    with suppress(OSError):  # it was born on that core
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
