"""Append-only log on disk that survives a killed process: the actor's spool and the learner's journal.

The files are those of `robot_rl.transport.segment`. Indexes count up from 0 and survive truncation at the front. What
`append` accepted is in the system's page cache, hence outlives the process; `sync` makes it outlive the machine.

Damage costs the records that it hits: reading continues at the next whole record, which states its own index. A torn
record at the very end, left by a crash, is cut off on opening and kept beside the segment as evidence. Segments of
the first format (`RRLJ0001`, without the index) are read, and never written.
"""

import os
import shutil
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from robot_rl.transport.folder_lock import lock_folder, share_folder
from robot_rl.transport.segment import (
    FIRST_MAGIC,
    MAGIC,
    Damage,
    Segment,
    frame_at,
    is_current,
    make_frame,
    next_frame,
    read_frame,
    split_parts,
)

SEGMENT_BYTES = 64 << 20
EMPTIED_BYTES = 256 << 10
"""Size from which a segment without records gives back its space."""


class Journal:
    """Segmented log of messages; safe for one writer and readers in other threads of one process.

    Args:
        folder: made when missing.
        segment_bytes: size from which a new segment is begun; `truncate_before` deletes whole segments.
        shared: whether it is only read, beside other processes that only read it.

    Raises:
        RunFolderError: another process has it open, and both do not only read it.
    """

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES, *, shared: bool = False) -> None:
        self.folder, self._segment_bytes = Path(folder), segment_bytes
        self.damage: list[Damage] = []  # found on opening
        self._mutex, self._syncing = threading.Lock(), threading.Lock()
        self._retired: list[int] = []  # full segments that no sync has covered yet
        self._named = False  # whether a sync has covered the names of the segments
        self.folder.mkdir(parents=True, exist_ok=True)
        self._claim = lock_folder(self.folder, shared)
        try:
            self._segments = self._open_segments()
            self._tail = os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)
            if shared:
                share_folder(self._claim)  # what was torn is mended: others may read, too
        except BaseException:
            os.close(self._claim)
            raise
        self._start = self._segments[0].first

    def _open_segments(self) -> list[Segment]:
        """Return the segments of the folder, the newest one ready to be written."""
        paths = sorted(path for path in self.folder.glob("*.log") if path.stem.isdigit())
        segments = [Segment(path, int(path.stem)) for path in paths]
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

    @property
    def disk_left_bytes(self) -> int:
        """Bytes that the disk still takes from this user."""
        return shutil.disk_usage(self.folder).free

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, parts: Sequence[bytes]) -> int:
        """Write one message and return its index.

        Raises:
            ConfigError: the message is too large.
            OSError: the disk is full or gone; the journal is unchanged.
        """
        with self._mutex:
            if self._segments[-1].end >= self._segment_bytes:
                self._roll()
            index = self.next_index
            frame = make_frame(parts, index)
            try:
                size = self._write(self._segments[-1], frame)
            except OSError:
                if self._start < index or not self._segments[-1].indexes:
                    raise
                self._empty()  # none of its records is needed
                size = self._write(self._segments[-1], frame)
            self._segments[-1].add(index, size)
            return index

    def sync(self) -> None:
        """Return when everything appended so far is on the disk itself; `append` does not wait meanwhile.

        Raises:
            OSError: the disk failed; nothing since the last sync is known to be on it.
        """
        with self._syncing:  # the only place, beside `close`, that closes a descriptor
            with self._mutex:
                retired, self._retired, tail = self._retired, [], self._tail
                named, self._named = self._named, True
            for descriptor in (*retired, tail):
                os.fdatasync(descriptor)
            for descriptor in retired:
                os.close(descriptor)
            if not named:
                sync_folder(self.folder)

    def truncate_before(self, index: int) -> None:
        """Drop the records before `index`; segments without others are deleted, an empty newest one gives its space.

        Raises:
            OSError: the disk gave no space back; the records are dropped all the same, and the next call tries again.
        """
        with self._mutex:
            self._start = min(max(self._start, index), self.next_index)
            while len(self._segments) > 1 and self._segments[1].first <= self._start:
                self._segments[0].path.unlink(missing_ok=True)
                self._segments.pop(0)
            if self._start == self.next_index and self._segments[-1].end >= min(EMPTIED_BYTES, self._segment_bytes):
                self._empty()

    def give_back(self) -> None:
        """Give back the space of the newest segment if all records are dropped."""
        with self._mutex:
            if self._start == self.next_index and self._segments[-1].indexes:
                self._empty()

    def _empty(self) -> None:
        """Give back the space of the only segment, all of whose records are dropped; it needs none to do so.

        A crash between the two calls leaves records older than the segment's name, which are not read.
        """
        segment = Segment(self.folder / f"{self.next_index:020d}.log", self.next_index)
        os.rename(self._segments[-1].path, segment.path)
        os.ftruncate(self._tail, segment.end)
        self._segments[-1], self._named = segment, False

    def close(self) -> None:
        """Release the files; the journal can be opened again."""
        for descriptor in (*self._retired, self._tail, self._claim):
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, segment: Segment, frame: list[bytes]) -> int:
        """Write a frame and return its size; on failure the segment is as it was."""
        size = sum(map(len, frame))
        try:
            written = os.writev(self._tail, frame)
            while written < size:
                written += os.write(self._tail, memoryview(b"".join(frame))[written:])
        except OSError:
            os.ftruncate(self._tail, segment.end)
            raise
        return size

    def _roll(self) -> None:
        segment = self._begin(self.next_index)
        self._retired.append(self._tail)
        self._tail = os.open(segment.path, os.O_WRONLY | os.O_APPEND)
        self._segments.append(segment)
        self._named = False

    def _begin(self, first: int) -> Segment:
        segment = Segment(self.folder / f"{first:020d}.log", first)
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
                    yield segment.indexes[position], split_parts(read_frame(file.fileno(), segment, position))
            index = segment.next

    def _holding(self, index: int) -> Segment | None:
        """Return the segment of the first record that is at `index` or after it."""
        with self._mutex:
            return next((s for s in self._segments if s.indexes and index <= s.indexes[-1]), None)

    def _scan(self, segment: Segment, following: Segment | None) -> None:
        """Index the whole records of a segment; note damage and continue behind it."""
        data = segment.path.read_bytes()
        segment.current = is_current(data, segment)
        magic = MAGIC if segment.current else FIRST_MAGIC
        whole = data[: len(magic)] == magic
        if not whole:
            self.damage.append(Damage(segment.path, 0, min(len(MAGIC), len(data))))
        while segment.end < len(data):
            found = frame_at(data, segment.end, segment)
            if found is not None:
                segment.add(*found)
                continue
            start, segment.end = segment.end, next_frame(data, segment)
            self.damage.append(Damage(segment.path, start, segment.end - start))
            segment.assumed_lost = 0 if segment.current else 1
            if segment.end == len(data) and following is None:
                segment.end, segment.assumed_lost = start, 0
                break
        if following is None and (segment.end < len(data) or not whole):
            self._cut(segment, len(data), b"" if whole else magic)

    def _cut(self, segment: Segment, size: int, magic: bytes) -> None:
        """Cut the torn end off the newest segment, keep it beside it, and rewrite a damaged magic."""
        keep = segment.end if segment.offsets or not magic else 0
        with open(segment.path, "r+b") as file:
            evidence = os.pread(file.fileno(), size - keep, keep)
            with suppress(OSError):  # a full disk
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
