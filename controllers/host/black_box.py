"""Black box: the loop's last minute at its full rate, in shared memory, so that it outlives the loop.

One row a cycle: the fields of `LoopReport` before `RECORDED_UNTIL`, 0.7 kB with 7 joints, 42 MB for 60 s at 1 kHz. The
loop copies one row without allocating; `controllers.host.recorder`, a process of its own, reads them.
"""

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from controllers.compilation import compiled
from controllers.host.report import LoopReport
from controllers.records import record_dtype

SPAN_S = 60.0
RECORDED_UNTIL = "tau_max"
"""The first field of `LoopReport` that is not recorded."""


@compiled
def append(head: np.ndarray, rows: np.ndarray, words: np.ndarray) -> None:
    """Write the next row (words of int64); `head` counts all rows."""
    row = rows[head[0] % rows.shape[0]]
    for i in range(row.shape[0]):
        row[i] = words[i]
    head[0] += 1


def row_dtype(joints: int) -> np.dtype[np.void]:
    """Return the type of a row."""
    whole = record_dtype(LoopReport, joints)
    assert whole.fields is not None and whole.names is not None
    end = whole.fields[RECORDED_UNTIL][1]
    names = [name for name in whole.names if whole.fields[name][1] < end]
    formats, offsets = ([whole.fields[name][part] for name in names] for part in (0, 1))
    layout: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": end}
    return np.dtype(layout)


class BlackBox:
    """The shared rows of one loop.

    Args:
        rate_hz: of the loop that creates it; 0: open one that exists.

    Raises:
        OSError: the memory that files share is full, or there is no such black box.
    """

    def __init__(self, path: Path, joints: int, rate_hz: float = 0.0) -> None:
        self.path, self._dtype = path, row_dtype(joints)
        size = 8 + self._dtype.itemsize * round(SPAN_S * rate_hz)
        if rate_hz:
            path.unlink(missing_ok=True)
        handle = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if rate_hz else 0), 0o600)
        try:
            if rate_hz:
                os.posix_fallocate(handle, 0, size)  # a full memory is an error here, not a signal in the loop
            memory = np.frombuffer(mmap.mmap(handle, 0), np.int64)
        finally:
            os.close(handle)
        self._head, self._rows = memory[:1], memory[1:].reshape(-1, self._dtype.itemsize // 8)
        if rate_hz:
            memory[:] = 0  # no page fault later

    def append(self, words: np.ndarray) -> None:
        """Append the row that begins a report (int64)."""
        append(self._head, self._rows, words)

    def read(self) -> np.ndarray:
        """Return the rows, oldest first, as a structured array."""
        before, room = int(self._head[0]), len(self._rows)
        rows = np.roll(self._rows, -(before % room), axis=0)[-min(before, room) :] if before else self._rows[:0]
        overwritten = max(0, int(self._head[0]) - before + 1 - (room - len(rows)))  # meanwhile, the oldest first
        return np.ascontiguousarray(rows[overwritten:]).view(self._dtype)[:, 0]
