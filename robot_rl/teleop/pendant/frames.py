"""Frames on the pendant's serial line: payload and CRC-16, COBS-coded, closed by a zero byte (firmware/PROTOCOL.md)."""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from robot_rl.core.errors import CorruptRecordError, SchemaMismatchError

PAYLOAD_MAX = 72
WIRE_MAX = PAYLOAD_MAX + 4  # CRC, one COBS code byte, the zero


def crc16(data: bytes) -> int:
    """Return CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF.

    Example:
        >>> hex(crc16(b"123456789"))
        '0x29b1'
    """
    return binascii.crc_hqx(data, 0xFFFF)


def encode_frame(payload: bytes) -> bytes:
    """Return a payload as it travels.

    Raises:
        SchemaMismatchError: the payload is too long.

    Example:
        >>> encode_frame(bytes([1, 0, 2])).hex()
        '02010402eedb00'
    """
    if len(payload) > PAYLOAD_MAX:
        raise SchemaMismatchError(f"payload: got {len(payload)} bytes, expected at most {PAYLOAD_MAX}; split it.")
    data = payload + crc16(payload).to_bytes(2, "little")
    return b"".join(bytes([len(part) + 1]) + part for part in data.split(b"\0")) + b"\0"


def decode_frame(code: bytes) -> bytes:
    """Return the payload of one frame without its closing zero.

    Raises:
        CorruptRecordError: it is not whole; the text begins with `too_long`, `bad_code` or `bad_crc`.
    """
    if len(code) >= WIRE_MAX:
        raise CorruptRecordError(f"too_long: got {len(code)} bytes, expected fewer than {WIRE_MAX}; it is dropped.")
    data = _uncoded(code)
    if data is None or len(data) < 2:
        raise CorruptRecordError(f"bad_code: got {code.hex()}, expected COBS with a CRC in it; it is dropped.")
    if crc16(data[:-2]) != int.from_bytes(data[-2:], "little"):
        raise CorruptRecordError(f"bad_crc: got {data.hex()}, expected {crc16(data[:-2]):04x}; it is dropped.")
    return data[:-2]


def _uncoded(code: bytes) -> bytes | None:
    """Return COBS undone, None when it points past its end."""
    parts, at = [], 0
    while at < len(code):
        end = at + code[at]
        if end > len(code):
            return None
        parts.append(code[at + 1 : end])
        at = end
    return b"\0".join(parts)


@dataclass(slots=True)
class FrameErrors:
    """Counts of dropped frames by reason."""

    bad_crc: int = 0
    bad_code: int = 0
    too_long: int = 0


class FrameReader:
    """Cuts a stream of bytes into payloads; noise ends at the next zero and harms no other frame."""

    def __init__(self) -> None:
        self.errors = FrameErrors()
        self._rest = bytearray()

    def push(self, data: bytes) -> Iterator[bytes]:
        """Yield the payloads that these bytes complete."""
        for part in data.split(b"\0")[:-1]:
            self._rest += part
            code, self._rest = bytes(self._rest), bytearray()
            payload = self._decoded(code)
            if payload is not None:
                yield payload
        self._rest += data[data.rfind(b"\0") + 1 :]
        del self._rest[WIRE_MAX:]  # enough to know that it is too long

    def _decoded(self, code: bytes) -> bytes | None:
        if not code:
            return None
        try:
            return decode_frame(code)
        except CorruptRecordError as error:
            reason = str(error).split(":", 1)[0]
            setattr(self.errors, reason, getattr(self.errors, reason) + 1)
            return None
