"""The pendant's frames and messages, against the golden vectors that the firmware's tests read, and by property."""

from dataclasses import astuple, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import CorruptRecordError, HandshakeRefusedError, SchemaMismatchError
from robot_rl.teleop.pendant.frames import PAYLOAD_MAX, FrameReader, crc16, decode_frame, encode_frame
from robot_rl.teleop.pendant.messages import (
    DEVICE_MESSAGES,
    HOST_MESSAGES,
    DeviceMessage,
    HostMessage,
    State,
    read_device_message,
    write_message,
)
from tests.teleop.pendant.host_messages import read_host_message

VECTORS = Path(__file__).parents[3] / "firmware" / "tests" / "vectors" / "protocol.txt"
KINDS = {kind.__name__.lower(): kind for kind in (*HOST_MESSAGES.values(), *DEVICE_MESSAGES.values())}


def rows(*names: str) -> list[list[str]]:
    lines = (line.split() for line in VECTORS.read_text().splitlines() if line and not line.startswith("#"))
    return [words for words in lines if words[0] in names]


def data(word: str) -> bytes:
    return b"" if word == "-" else bytes.fromhex(word)


def test_every_row_of_the_vectors_is_of_a_known_kind() -> None:
    known = {"crc", "frame", "reject", "refuse", *KINDS}
    assert rows(*known) == [line.split() for line in VECTORS.read_text().splitlines() if line and line[0] != "#"]


@pytest.mark.parametrize("row", rows("crc"), ids=str)
def test_golden_crc(row: list[str]) -> None:
    assert crc16(data(row[1])) == int(row[2])


@pytest.mark.parametrize("row", rows("frame"), ids=str)
def test_golden_frame(row: list[str]) -> None:
    payload, wire = data(row[1]), data(row[2])
    assert encode_frame(payload) == wire
    assert list(FrameReader().push(wire)) == [payload]


@pytest.mark.parametrize("row", rows("reject"), ids=str)
def test_golden_rejection(row: list[str]) -> None:
    reader = FrameReader()
    assert list(reader.push(data(row[1]))) == []
    assert {field.name: getattr(reader.errors, field.name) for field in fields(reader.errors)}[row[2]] == 1


@pytest.mark.parametrize("row", rows(*KINDS), ids=lambda row: "-".join(row[:2]))
def test_golden_message(row: list[str]) -> None:
    kind, (sequence, *values), payload = KINDS[row[0]], map(int, row[1:-1]), data(row[-1])
    message = kind(*values)
    assert write_message(message, sequence) == payload
    read = read_device_message if kind.TYPE in DEVICE_MESSAGES else read_host_message
    assert read(payload) == (sequence, message)


@pytest.mark.parametrize("row", rows("refuse"), ids=str)
def test_golden_refusal(row: list[str]) -> None:
    with pytest.raises(HandshakeRefusedError if row[2] == "bad_version" else CorruptRecordError):
        read_host_message(data(row[1]))


PAYLOADS = st.binary(max_size=PAYLOAD_MAX)


@given(st.lists(PAYLOADS, max_size=5), st.data())
def test_frames_survive_any_chunking(payloads: list[bytes], draw: st.DataObject) -> None:
    wire = b"".join(encode_frame(payload) for payload in payloads)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    reader = FrameReader()
    parts = [wire[i:j] for i, j in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert [payload for part in parts for payload in reader.push(part)] == payloads


@given(PAYLOADS)
def test_a_frame_holds_no_zero_but_its_last_byte(payload: bytes) -> None:
    wire = encode_frame(payload)
    assert wire.find(b"\0") == len(wire) - 1 == len(payload) + 3
    assert decode_frame(wire[:-1]) == payload


@given(st.binary(max_size=300), PAYLOADS)
def test_noise_harms_no_frame_after_the_next_zero(noise: bytes, payload: bytes) -> None:
    reader = FrameReader()
    before = list(reader.push(noise + b"\0"))
    assert list(reader.push(encode_frame(payload))) == [payload]
    # Noise that is a frame by chance needs a right CRC: one in 65,536.
    assert all(encode_frame(p) in b"\0" + noise + b"\0" for p in before)


@given(PAYLOADS, st.integers(0), st.integers(1, 7), st.integers(0, 7))
def test_a_burst_of_up_to_eight_bits_is_seen(payload: bytes, place: int, width: int, shift: int) -> None:
    wire = bytearray(encode_frame(payload))
    wire[place % (len(wire) - 1)] ^= ((1 << width) - 1) << shift & 0xFF or 1
    if 0 in wire[:-1]:
        return  # cut in two: other properties
    with pytest.raises(CorruptRecordError):
        decode_frame(bytes(wire[:-1]))


def messages(kinds: dict[int, type[HostMessage]] | dict[int, type[DeviceMessage]]) -> st.SearchStrategy:
    limits = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}

    def of(kind: type[HostMessage] | type[DeviceMessage]) -> st.SearchStrategy:
        letters = kind.BODY.replace("17I", "I" * 17).removeprefix("<")
        return st.builds(kind, *(st.integers(0, limits[letter]) for letter in letters))

    return st.one_of([of(kind) for kind in kinds.values()])


@given(messages(HOST_MESSAGES), st.integers(0, 0xFFFF))
def test_host_messages_round_trip(message: HostMessage, sequence: int) -> None:
    assert read_host_message(write_message(message, sequence)) == (sequence, message)


@given(messages(DEVICE_MESSAGES), st.integers(0, 0xFFFF))
def test_device_messages_round_trip_and_are_no_commands(message: DeviceMessage, sequence: int) -> None:
    payload = write_message(message, sequence)
    assert read_device_message(payload) == (sequence, message)
    assert len(payload) <= PAYLOAD_MAX
    with pytest.raises(CorruptRecordError):
        read_host_message(payload)


@given(st.binary(max_size=PAYLOAD_MAX))
def test_any_bytes_are_a_whole_message_or_an_error(payload: bytes) -> None:
    try:
        sequence, message = read_device_message(payload)
    except (CorruptRecordError, HandshakeRefusedError):
        return
    assert write_message(message, sequence) == payload


def test_payload_beyond_the_limit_is_refused() -> None:
    with pytest.raises(SchemaMismatchError, match="got 73 bytes"):
        encode_frame(bytes(PAYLOAD_MAX + 1))


def test_state_holds_relay_and_engagement() -> None:
    state = State(0, 0, 0, 0, 0, 1, 0x03, 0, 0, 0, 0, 0)
    assert state.relay_closed and state.engaged and astuple(state)[6] == 3
