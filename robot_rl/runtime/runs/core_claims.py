"""Cores that a process has alone on its computer, among processes that claim theirs likewise.

A claim is a name in Linux's abstract socket namespace: the kernel gives it to one process, and frees it when that
process ends, however it ends.
"""

import socket
from collections.abc import Sequence


class CoreClaims:
    """Claim of so many cores; `cores` is empty where fewer are free, and then any may be used.

    Args:
        count: of cores.
        available: those that may be claimed.
    """

    def __init__(self, count: int, available: Sequence[int]) -> None:
        self._held: dict[int, socket.socket] = {}
        for core in available:
            if len(self._held) < count and (name := _name(core)) is not None:
                self._held[core] = name
        if len(self._held) < count:
            self.close()
        self.cores = frozenset(self._held)

    def close(self) -> None:
        """Free the cores."""
        while self._held:
            self._held.popitem()[1].close()


def _name(core: int) -> socket.socket | None:
    """Return the open name of a core; None where another process has it."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0robot-rl-core-{core}")
    except OSError:
        name.close()
        return None
    return name
