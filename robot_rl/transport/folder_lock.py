"""Lock of a journal's folder: one writer, or several who only read."""

import fcntl
import os
import time
from pathlib import Path

from robot_rl.core.errors import RunFolderError

READERS_WAIT_S = 5.0
"""Time for which a reader waits for another one to have opened, and perhaps mended, the journal."""


def lock_folder(folder: Path, shared: bool) -> int:
    """Lock a journal's folder for this process, and return the descriptor; the system unlocks when the process ends.

    Args:
        shared: whether a lock that others share will do; then it waits for one who is about to share it.

    Raises:
        RunFolderError: another process has it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    if _locked(descriptor, fcntl.LOCK_EX):
        return descriptor
    end_s = time.monotonic() + (READERS_WAIT_S if shared else 0.0)
    while time.monotonic() < end_s:
        if _locked(descriptor, fcntl.LOCK_SH):
            return descriptor
        time.sleep(0.02)
    os.close(descriptor)
    raise RunFolderError(f"journal: got {folder}, open elsewhere, expected an unused journal; stop the other process.")


def share_folder(descriptor: int) -> None:
    """Let others who only read in as well."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def _locked(descriptor: int, lock: int) -> bool:
    try:
        fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
