"""Format of a journal's files, and how whole records are found among damage.

    00000000000000000000.log                      named by the index of its first record
        b"RRLJ0002"                               magic
        u32 length, u32 crc32, u64 index, payload record 0; the checksum covers length, index and payload
        ...

A payload is one message of several parts: u32 count, u32 length of each, the parts.
"""

import os
import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from robot_rl.core.errors import ConfigError, CorruptRecordError

MAGIC, FIRST_MAGIC = b"RRLJ0002", b"RRLJ0001"
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
class Segment:
    """One file: path, and index and offset of each of its records."""

    path: Path
    first: int
    current: bool = True  # written in the present format
    assumed_lost: int = 0  # lost records of the first format, which state no index
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    indexes: "array[int]" = field(default_factory=lambda: array("Q"))
    end: int = len(MAGIC)

    @property
    def next(self) -> int:
        """Index of the record that would follow."""
        return self.assumed_lost + (self.indexes[-1] + 1 if self.indexes else self.first)

    def add(self, index: int, frame_bytes: int) -> None:
        """Enter the record that begins at `end`."""
        self.assumed_lost = 0
        self.offsets.append(self.end)
        self.indexes.append(index)
        self.end += frame_bytes


def make_frame(parts: Sequence[bytes], index: int) -> list[bytes]:
    """Return a message as it lies in a segment, in pieces: its parts are not copied.

    Raises:
        ConfigError: the message is too large.
    """
    payload = [_COUNT.pack(len(parts)), struct.pack(f"<{len(parts)}I", *map(len, parts)), *parts]
    length = sum(map(len, payload))
    if length > RECORD_BYTES_MAX:
        raise ConfigError(f"journal: got a message of {length} bytes, expected {RECORD_BYTES_MAX} or fewer; split it.")
    checksum = zlib.crc32(_CHECKED.pack(length, index))
    for piece in payload:
        checksum = zlib.crc32(piece, checksum)
    return [_FRAME.pack(length, checksum, index), *payload]


def split_parts(payload: bytes) -> list[bytes]:
    """Return the parts of a message."""
    (count,) = _COUNT.unpack_from(payload)
    offset = _COUNT.size * (1 + count)
    parts = []
    for length in struct.unpack_from(f"<{count}I", payload, _COUNT.size):
        parts.append(payload[offset : offset + length])
        offset += length
    return parts


def checksum_of(payload: bytes | memoryview, index: int) -> int:
    """Return the checksum of a record."""
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(len(payload), index)))


def is_current(data: bytes, segment: Segment) -> bool:
    """Return whether a segment is of the present format: by its first record where the magic may be damaged."""
    if data[: len(MAGIC)] == MAGIC or frame_at(data, segment.end, segment) is not None:
        return True
    first = replace(segment, current=False)
    return data[: len(MAGIC)] != FIRST_MAGIC and frame_at(data, segment.end, first) is None


def frame_at(data: bytes, offset: int, segment: Segment) -> tuple[int, int] | None:
    """Return index and size of the frame at an offset, None without a whole one."""
    header = _FRAME if segment.current else _FIRST_FRAME
    if offset + header.size + _COUNT.size > len(data):
        return None
    length, checksum, *index = header.unpack_from(data, offset)
    payload = memoryview(data)[offset + header.size : offset + header.size + length]
    if not _COUNT.size <= length <= RECORD_BYTES_MAX or len(payload) != length or not _is_message(payload):
        return None
    if segment.current:
        whole = index[0] >= segment.next and checksum_of(payload, index[0]) == checksum
    else:
        whole = zlib.crc32(payload) == checksum
    return (index[0] if index else segment.next, header.size + length) if whole else None


def _is_message(payload: bytes | memoryview) -> bool:
    """Return whether a payload's parts fill it exactly."""
    (count,) = _COUNT.unpack_from(payload)
    head = _COUNT.size * (1 + count)
    return head <= len(payload) and head + sum(struct.unpack_from(f"<{count}I", payload, _COUNT.size)) == len(payload)


def next_frame(data: bytes, segment: Segment) -> int:
    """Return where the next whole frame behind the segment's end begins; the end of the data when none does."""
    for start in range(segment.end + 1, len(data), _SEARCH_BYTES):
        block = np.frombuffer(data, np.uint8, min(_SEARCH_BYTES + 3, len(data) - start), start).astype(np.uint32)
        lengths = block[:-3] | block[1:-2] << 8 | block[2:-1] << 16 | block[3:] << 24
        room = len(data) - start - np.arange(len(lengths))
        for offset in start + np.flatnonzero((lengths >= _COUNT.size) & (lengths < room)):
            if frame_at(data, int(offset), segment) is not None:
                return int(offset)
    return len(data)


def read_frame(file: int, segment: Segment, position: int) -> bytes:
    """Return the payload of a record.

    Raises:
        CorruptRecordError: it differs from what was read on opening.
    """
    offset, index = segment.offsets[position], segment.indexes[position]
    header = _FRAME if segment.current else _FIRST_FRAME
    head = os.pread(file, header.size, offset)
    length, checksum = _FIRST_FRAME.unpack_from(head) if len(head) == header.size else (RECORD_BYTES_MAX + 1, 0)
    payload = os.pread(file, length, offset + header.size) if length <= RECORD_BYTES_MAX else b""
    expected = checksum_of(payload, index) if segment.current else zlib.crc32(payload)
    if len(payload) != length or expected != checksum:
        raise CorruptRecordError(
            f"journal: got a damaged record at byte {offset} of {segment.path}, expected a whole one; open the journal "
            "again to leave the record out."
        )
    return payload
