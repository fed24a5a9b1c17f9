"""Append-only log on disk that survives a killed process: the actor's spool and the learner's journal.

    folder/00000000000000000000.log               segment, named by the index of its first record
        b"RRLJ0002"                               magic
        u32 length, u32 crc32, u64 index, payload record 0; the checksum covers length, index and payload
        ...

A payload is one message of several parts: u32 count, u32 length of each, the parts. Indexes count up from 0 and survive
truncation at the front. What `append` accepted is in the system's page cache, hence outlives the process; `sync`
makes it outlive the machine.

Damage costs the records that it hits: reading continues at the next whole record, which states its own index. A torn
record at the very end, left by a crash, is cut off on opening and kept beside the segment as evidence. Segments of the
first format (`RRLJ0001`, without the index) are read, and never written.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from robot_rl.core.errors import ConfigError, CorruptRecordError, RunFolderError

MAGIC, FIRST_MAGIC = b"RRLJ0002", b"RRLJ0001"
SEGMENT_BYTES = 64 << 20
RECORD_BYTES_MAX = 256 << 20

_FRAME, _FIRST_FRAME = struct.Struct("<IIQ"), struct.Struct("<II")
_CHECKED = struct.Struct("<IQ")  # what the checksum covers of a header
_COUNT = struct.Struct("<I")
_SEARCH_BYTES = 1 << 20


@dataclass(frozen=True)
class Damage:
    """Bytes of a segment that form no whole record."""

    path: Path
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.path}: {self.size} damaged bytes at byte {self.offset}"


@dataclass
class _Segment:
    """One file: path, and index and offset of each of its records."""

    path: Path
    first: int
    current: bool = True  # written in the present format
    assumed_lost: int = 0  # lost records of the first format, which state no index
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    indexes: array[int] = field(default_factory=lambda: array("Q"))
    end: int = len(MAGIC)

    @property
    def next(self) -> int:
        return self.assumed_lost + (self.indexes[-1] + 1 if self.indexes else self.first)

    def add(self, index: int, frame_bytes: int) -> None:
        """Enter the record that begins at `end`."""
        self.assumed_lost = 0
        self.offsets.append(self.end)
        self.indexes.append(index)
        self.end += frame_bytes


class Journal:
    """Segmented log of messages; safe for one writer and readers in other threads of one process.

    Args:
        folder: made when missing.
        segment_bytes: size from which a new segment is begun; `truncate_before` deletes whole segments.

    Raises:
        RunFolderError: another process has it open.
    """

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder, self._segment_bytes = Path(folder), segment_bytes
        self.damage: list[Damage] = []  # found on opening
        self._mutex = threading.Lock()
        self._retired: list[int] = []  # full segments that no sync has covered yet
        self.folder.mkdir(parents=True, exist_ok=True)
        self._claim = _claim(self.folder)
        try:
            self._segments = self._open_segments()
            self._tail = os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)
        except BaseException:
            os.close(self._claim)
            raise
        self._start = self._segments[0].first

    def _open_segments(self) -> list[_Segment]:
        """Return the segments of the folder, the newest one ready to be written."""
        paths = sorted(path for path in self.folder.glob("*.log") if path.stem.isdigit())
        segments = [_Segment(path, int(path.stem)) for path in paths]
        for segment, following in zip(segments, [*segments[1:], None], strict=False):
            self._scan(segment, following)
        newest = segments[-1] if segments else None
        if newest is not None and newest.current and newest.indexes:
            return segments
        kept = [segment for segment in segments if segment is not newest or segment.indexes]
        return [*kept, self._begin(newest.next if newest else 0)]

    @property
    def lost_records(self) -> int:
        """Records lost to damage or missing segments between the oldest and the newest one."""
        with self._mutex:
            return self._segments[-1].next - self._segments[0].first - sum(len(s.indexes) for s in self._segments)

    def report(self) -> list[str]:
        """Return the damage found on opening, one line each; empty when all is whole."""
        lost = [f"{self.folder}: {self.lost_records} records lost"] if self.lost_records else []
        return [*map(str, self.damage), *lost]

    def present(self, index: int) -> int:
        """Return the index of the first record at or after `index`; the next one's when there is none."""
        segment = self._holding(index)
        return self.next_index if segment is None else segment.indexes[bisect_left(segment.indexes, index)]

    @property
    def first_index(self) -> int:
        """Index of the oldest record not yet truncated."""
        return self._start

    @property
    def next_index(self) -> int:
        """Index that the next record will have."""
        return self._segments[-1].next

    def __len__(self) -> int:
        """Number of records not yet truncated."""
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
            OSError: the disk is full or gone; the journal is unchanged.
        """
        payload = _join(parts)
        if len(payload) > RECORD_BYTES_MAX:
            raise ConfigError(
                f"journal: got a message of {len(payload)} bytes, expected {RECORD_BYTES_MAX} or fewer; split it."
            )
        with self._mutex:
            if self._segments[-1].end >= self._segment_bytes:
                self._roll()
            segment, index = self._segments[-1], self.next_index
            frame = _FRAME.pack(len(payload), _checksum(payload, index), index) + payload
            self._write(segment, frame)
            segment.add(index, len(frame))
            return index

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
        """Drop the records before `index`; segments without others are deleted."""
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
        """Yield (index, parts) from `index` on, or from the oldest record kept, as far as written now.

        Indexes of lost records are left out.

        Raises:
            CorruptRecordError: the bytes changed since they were written.
        """
        index = max(index, self._start)
        stop = self.next_index if limit is None else min(self.next_index, index + limit)
        while index < stop and (segment := self._holding(index)) is not None:
            first, last = bisect_left(segment.indexes, index), bisect_left(segment.indexes, stop)
            with open(segment.path, "rb") as file:
                for position in range(first, last):
                    yield segment.indexes[position], _split(_read_frame(file.fileno(), segment, position))
            index = segment.next

    def _holding(self, index: int) -> _Segment | None:
        """Return the segment of the first record that is at `index` or after it."""
        with self._mutex:
            return next((s for s in self._segments if s.indexes and index <= s.indexes[-1]), None)

    def _scan(self, segment: _Segment, following: _Segment | None) -> None:
        """Index the whole records of a segment; note damage and continue behind it."""
        data = segment.path.read_bytes()
        segment.current = _is_current(data, segment)
        magic = MAGIC if segment.current else FIRST_MAGIC
        whole = data[: len(magic)] == magic
        if not whole:
            self.damage.append(Damage(segment.path, 0, min(len(MAGIC), len(data))))
        while segment.end < len(data):
            found = _frame_at(data, segment.end, segment)
            if found is not None:
                segment.add(*found)
                continue
            start, segment.end = segment.end, _next_frame(data, segment)
            self.damage.append(Damage(segment.path, start, segment.end - start))
            segment.assumed_lost = 0 if segment.current else 1
            if segment.end == len(data) and following is None:
                segment.end, segment.assumed_lost = start, 0
                break
        if following is None and (segment.end < len(data) or not whole):
            self._cut(segment, len(data), b"" if whole else magic)

    def _cut(self, segment: _Segment, size: int, magic: bytes) -> None:
        """Cut the torn end off the newest segment, keep it beside it, and rewrite a damaged magic."""
        keep = segment.end if segment.offsets or not magic else 0
        with open(segment.path, "r+b") as file:
            evidence = os.pread(file.fileno(), size - keep, keep)
            segment.path.with_suffix(f".torn-{keep}").write_bytes(evidence)
            os.ftruncate(file.fileno(), keep)
            os.pwrite(file.fileno(), magic, 0)
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync new names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim(folder: Path) -> int:
    """Lock the folder for this process; the system releases the lock when the process ends, however it ends."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise RunFolderError(
            f"journal: got {folder}, open elsewhere, expected an unused journal; stop the other process."
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


def _checksum(payload: bytes | memoryview, index: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(len(payload), index)))


def _is_current(data: bytes, segment: _Segment) -> bool:
    """Return whether a segment is of the present format: by its first record where the magic may be damaged."""
    if data[: len(MAGIC)] == MAGIC or _frame_at(data, segment.end, segment) is not None:
        return True
    first = replace(segment, current=False)
    return data[: len(MAGIC)] != FIRST_MAGIC and _frame_at(data, segment.end, first) is None


def _frame_at(data: bytes, offset: int, segment: _Segment) -> tuple[int, int] | None:
    """Return index and size of the frame at an offset, None without a whole one."""
    header = _FRAME if segment.current else _FIRST_FRAME
    if offset + header.size + _COUNT.size > len(data):
        return None
    length, checksum, *index = header.unpack_from(data, offset)
    payload = memoryview(data)[offset + header.size : offset + header.size + length]
    if not _COUNT.size <= length <= RECORD_BYTES_MAX or len(payload) != length or not _is_message(payload):
        return None
    if segment.current:
        whole = index[0] >= segment.next and _checksum(payload, index[0]) == checksum
    else:
        whole = zlib.crc32(payload) == checksum
    return (index[0] if index else segment.next, header.size + length) if whole else None


def _is_message(payload: bytes | memoryview) -> bool:
    """Return whether a payload's parts fill it exactly."""
    (count,) = _COUNT.unpack_from(payload)
    head = _COUNT.size * (1 + count)
    return head <= len(payload) and head + sum(struct.unpack_from(f"<{count}I", payload, _COUNT.size)) == len(payload)


def _next_frame(data: bytes, segment: _Segment) -> int:
    """Return where the next whole frame behind the segment's end begins; the end of the data when none does."""
    for start in range(segment.end + 1, len(data), _SEARCH_BYTES):
        block = np.frombuffer(data, np.uint8, min(_SEARCH_BYTES + 3, len(data) - start), start).astype(np.uint32)
        lengths = block[:-3] | block[1:-2] << 8 | block[2:-1] << 16 | block[3:] << 24
        room = len(data) - start - np.arange(len(lengths))
        for offset in start + np.flatnonzero((lengths >= _COUNT.size) & (lengths < room)):
            if _frame_at(data, int(offset), segment) is not None:
                return int(offset)
    return len(data)


def _read_frame(file: int, segment: _Segment, position: int) -> bytes:
    """Return the payload of a record.

    Raises:
        CorruptRecordError: it differs from what was read on opening.
    """
    offset, index = segment.offsets[position], segment.indexes[position]
    header = _FRAME if segment.current else _FIRST_FRAME
    head = os.pread(file, header.size, offset)
    length, checksum = _FIRST_FRAME.unpack_from(head) if len(head) == header.size else (RECORD_BYTES_MAX + 1, 0)
    payload = os.pread(file, length, offset + header.size) if length <= RECORD_BYTES_MAX else b""
    expected = _checksum(payload, index) if segment.current else zlib.crc32(payload)
    if len(payload) != length or expected != checksum:
        raise CorruptRecordError(
            f"journal: got a damaged record at byte {offset} of {segment.path}, expected a whole one; open the journal "
            "again to leave the record out."
        )
    return payload
