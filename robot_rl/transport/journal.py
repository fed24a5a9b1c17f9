"""An append-only log on disk that survives a killed process: the actor's spool and the learner's memory of its data.

    folder/00000000000000000000.log     segment, named by the index of its first record
        b"RRLJ0001"                     magic
        u32 length, u32 crc32, payload  record 0
        ...

A payload is one message of several parts: u32 count, u32 length of each, the parts. Indexes count up from 0 and survive
truncation at the front. What `append` accepted is in the system's page cache, hence outlives the process; `sync`
makes it outlive the machine. A torn record at the very end, left by a crash, is cut off on opening and kept beside the
segment as evidence.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robot_rl.core.errors import ConfigError, CorruptRecordError, RunFolderError

MAGIC = b"RRLJ0001"
SEGMENT_BYTES = 64 << 20
RECORD_BYTES_MAX = 256 << 20

_FRAME = struct.Struct("<II")
_COUNT = struct.Struct("<I")


@dataclass
class _Segment:
    """One file: where it lies, the index of its first record, and where each of its records begins."""

    path: Path
    first: int
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    end: int = len(MAGIC)

    @property
    def next(self) -> int:
        return self.first + len(self.offsets)


class Journal:
    """Segmented log of messages; safe for one writer and readers in other threads of one process.

    Args:
        folder: made when missing.
        segment_bytes: a segment that has grown beyond it is followed by a new one; whole segments are what
            `truncate_before` deletes.

    Raises:
        RunFolderError: another process has it open.
        CorruptRecordError: a damaged record that is not at the end.
    """

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder, self._segment_bytes = Path(folder), segment_bytes
        self.torn_bytes = 0  # cut off on opening
        self._mutex = threading.Lock()
        self._retired: list[int] = []  # full segments that no sync has covered yet
        self.folder.mkdir(parents=True, exist_ok=True)
        self._claim = _claim(self.folder)
        try:
            self._segments = [_Segment(path, int(path.stem)) for path in sorted(self.folder.glob("*.log"))]
            for segment in self._segments:
                self._scan(segment, newest=segment is self._segments[-1])
            if not self._segments:
                self._segments = [self._begin(0)]
            self._tail = os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)
        except BaseException:
            os.close(self._claim)
            raise
        self._start = self._segments[0].first

    @property
    def first_index(self) -> int:
        """Index of the oldest record still wanted."""
        return self._start

    @property
    def next_index(self) -> int:
        """Index that the next record will have."""
        return self._segments[-1].next

    def __len__(self) -> int:
        """Number of records still wanted."""
        return self.next_index - self._start

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.end for segment in self._segments)

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, parts: Sequence[bytes]) -> int:
        """Write one message and return its index.

        Raises:
            ConfigError: the message is too large.
            OSError: the disk is full or gone; the journal is as before.
        """
        payload = _join(parts)
        if len(payload) > RECORD_BYTES_MAX:
            raise ConfigError(
                f"journal: got a message of {len(payload)} bytes, expected {RECORD_BYTES_MAX} or fewer; split it."
            )
        frame = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        with self._mutex:
            if self._segments[-1].end >= self._segment_bytes:
                self._roll()
            segment = self._segments[-1]
            self._write(segment, frame)
            segment.offsets.append(segment.end)
            segment.end += len(frame)
            return segment.next - 1

    def sync(self) -> None:
        """Return when everything appended so far is on the disk itself; `append` does not wait meanwhile."""
        with self._mutex:
            retired, self._retired = self._retired, []
            tail = os.dup(self._tail)
        for descriptor in (*retired, tail):
            os.fdatasync(descriptor)
            os.close(descriptor)
        if retired:
            sync_folder(self.folder)

    def truncate_before(self, index: int) -> None:
        """Forget the records before `index`; segments that hold nothing else are deleted."""
        with self._mutex:
            self._start = min(max(self._start, index), self.next_index)
            while len(self._segments) > 1 and self._segments[1].first <= self._start:
                self._segments.pop(0).path.unlink()

    def close(self) -> None:
        """Release the files; the journal can be opened again."""
        for descriptor in (*self._retired, self._tail, self._claim):
            os.close(descriptor)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, segment: _Segment, frame: bytes) -> None:
        try:
            written = os.write(self._tail, frame)
            while written < len(frame):
                written += os.write(self._tail, memoryview(frame)[written:])
        except OSError:
            os.ftruncate(self._tail, segment.end)
            raise

    def _roll(self) -> None:
        segment = self._begin(self.next_index)
        self._retired.append(self._tail)
        self._tail = os.open(segment.path, os.O_WRONLY | os.O_APPEND)
        self._segments.append(segment)

    def _begin(self, first: int) -> _Segment:
        segment = _Segment(self.folder / f"{first:020d}.log", first)
        segment.path.write_bytes(MAGIC)
        return segment

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, index: int = 0, limit: int | None = None) -> Iterator[tuple[int, list[bytes]]]:
        """Yield (index, parts) from `index` on, or from the oldest wanted record, as far as now written.

        Raises:
            CorruptRecordError: the bytes changed since they were written.
        """
        index = max(index, self._start)
        stop = self.next_index if limit is None else min(self.next_index, index + limit)
        while index < stop:
            segment = self._holding(index)
            with open(segment.path, "rb") as file:
                for position in range(index - segment.first, min(segment.next, stop) - segment.first):
                    frame = _read_frame(file.fileno(), segment.offsets[position], segment.path)
                    yield segment.first + position, _split(frame)
            index = segment.next

    def _holding(self, index: int) -> _Segment:
        with self._mutex:
            return next(segment for segment in self._segments if segment.first <= index < segment.next)

    def _scan(self, segment: _Segment, newest: bool) -> None:
        """Find where the records of a segment begin; cut a torn end off the newest one."""
        with open(segment.path, "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            whole = file.read(len(MAGIC)) == MAGIC
            try:
                if not whole:
                    raise CorruptRecordError(f"journal: got {segment.path} without its magic, expected {MAGIC!r}.")
                while segment.end < size:
                    payload = _read_frame(file.fileno(), segment.end, segment.path)
                    segment.offsets.append(segment.end)
                    segment.end += _FRAME.size + len(payload)
            except CorruptRecordError:
                if not newest or (not whole and size >= len(MAGIC)):
                    raise
                self._cut(file.fileno(), segment, size)

    def _cut(self, file: int, segment: _Segment, size: int) -> None:
        """Keep the torn end beside the segment and take it off."""
        keep = segment.end if size >= len(MAGIC) else 0
        self.torn_bytes += size - keep
        segment.path.with_suffix(f".torn-{keep}").write_bytes(os.pread(file, size - keep, keep))
        os.ftruncate(file, keep)
        if not keep:
            os.pwrite(file, MAGIC, 0)
        os.fsync(file)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder outlive the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim(folder: Path) -> int:
    """Lock the folder for this process; the system lifts the lock when the process ends, however it ends."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise RunFolderError(
            f"journal: got {folder}, open elsewhere, expected a journal of its own; stop the other process."
        ) from error
    return descriptor


def _join(parts: Sequence[bytes]) -> bytes:
    lengths = [len(part) for part in parts]
    return b"".join([_COUNT.pack(len(parts)), struct.pack(f"<{len(parts)}I", *lengths), *parts])


def _split(payload: bytes) -> list[bytes]:
    (count,) = _COUNT.unpack_from(payload)
    offset = _COUNT.size * (1 + count)
    parts = []
    for length in struct.unpack_from(f"<{count}I", payload, _COUNT.size):
        parts.append(payload[offset : offset + length])
        offset += length
    return parts


def _read_frame(file: int, offset: int, path: Path) -> bytes:
    """Return the payload of the frame at an offset.

    Raises:
        CorruptRecordError: it is cut short, of an impossible size, or fails its checksum.
    """
    header = os.pread(file, _FRAME.size, offset)
    length, checksum = _FRAME.unpack(header) if len(header) == _FRAME.size else (RECORD_BYTES_MAX + 1, 0)
    payload = os.pread(file, length, offset + _FRAME.size) if length <= RECORD_BYTES_MAX else b""
    if length > RECORD_BYTES_MAX or len(payload) != length or zlib.crc32(payload) != checksum:
        raise CorruptRecordError(
            f"journal: got a damaged record at byte {offset} of {path}, expected a whole one; restore the file or "
            "move it away and lose its records."
        )
    return payload
