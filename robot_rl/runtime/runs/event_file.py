"""TensorBoard's event file, written by a thread of its own: who adds values never waits for the disk.

What a full disk does not take is lost and counted; the file holds whole events, and goes on when there is room.
tensorboardX's own writer lets ten values wait, and who adds the next one waits for ever once the disk was full.
"""

import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERSION = "brain.Event:2"
WAITING_MAX = 10_000
"""Events that wait for the disk; further ones are lost."""
CLOSE_S = 5.0
"""Longest wait at the end for those that wait."""


class EventFile:
    """File of one writer's values.

    Args:
        folder: TensorBoard's log directory.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.proto.event_pb2 import Event  # it loads PyTorch, which `--help` need not wait for
        from tensorboardX.record_writer import masked_crc32c
        from tensorboardX.summary import scalar

        self._event, self._scalar, self._checksum = Event, scalar, masked_crc32c
        self.lost = 0
        """Events that the disk did not take, or that found no place to wait."""
        path = folder / f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting.put(Event(wall_time=time.time(), file_version=VERSION))
        self._thread = threading.Thread(target=self._write_all, name="tensorboard", daemon=True)
        self._thread.start()

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Add values of one step."""
        if self._waiting.qsize() >= WAITING_MAX:
            self.lost += 1
            return
        event = self._event(wall_time=time.time(), step=step)
        for tag, value in values.items():
            event.summary.MergeFrom(self._scalar(tag, value))
        self._waiting.put(event)

    def close(self) -> None:
        """Write what waits, unless the disk hangs, and close the file."""
        self._waiting.put(None)
        self._thread.join(CLOSE_S)

    def _write_all(self) -> None:
        while (event := self._waiting.get()) is not None:
            data = event.SerializeToString()
            length = struct.pack("<Q", len(data))
            checksums = [struct.pack("<I", self._checksum(part)) for part in (length, data)]
            self._write(length + checksums[0] + data + checksums[1])
        os.close(self._file)

    def _write(self, record: bytes) -> None:
        """Write a record wholly or not at all."""
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, record) == len(record):
                return
            os.ftruncate(self._file, size)
        except OSError:
            pass
        self.lost += 1
