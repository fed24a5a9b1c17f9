"""Lock of a mailbox's one sender: the kernel ends it with the process that holds it, also by a kill.

It belongs to the open file, not to the process, so that two clients of one process are two. Where the system has no
such locks (other than Linux), nothing is locked.
"""

import fcntl
import os
import struct
from pathlib import Path

PLACE, LENGTH = 0, 1
"""Byte that stands for the right to send."""


def claim_sending(handle: int, path: Path) -> None:
    """Take the right to send to a mailbox, or keep it.

    Raises:
        ValueError: another client has it.
    """
    if not hasattr(fcntl, "F_OFD_SETLK"):
        return
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, PLACE, LENGTH, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, lock)
    except BlockingIOError:
        raise ValueError(
            f"mailbox: got a second client that sends to {path}, expected one: the arm would follow both in turn. "
            f"`fuser {path}` lists the processes; end it first."
        ) from None
