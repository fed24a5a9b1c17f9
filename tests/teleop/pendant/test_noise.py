"""Ten thousand frames over a line that corrupts one in twenty, each way: none accepted wrong, none lost unnoticed.

The Python decoder says which of the corrupted frames are still whole; the firmware under QEMU must agree exactly.
"""

import random
from pathlib import Path

import pytest

from robot_rl.bench.pendant_firmware import qemu_pendant
from robot_rl.core.clock import SystemClock
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.frames import FrameReader, encode_frame
from robot_rl.teleop.pendant.messages import (
    Counters,
    Heartbeat,
    Hello,
    Query,
    State,
    Welcome,
    read_device_message,
    write_message,
)
from robot_rl.teleop.pendant.serial_line import Line, open_line
from robot_rl.teleop.pendant.session import PendantSession
from tests.teleop.pendant.host_messages import read_host_message

IMAGE = Path(__file__).parents[3] / "firmware" / "build" / "pendant-qemu.elf"
FRAMES = 10_000
SHARE = 0.05
BATCH = 16
PACE_MS = 1.1  # per frame, of the device's time: within the protocol's 1,000 frames a second
NONCE = 77
FIRST = 3  # number of the first of the frames; a hello and a query come before
CLOCK = SystemClock()


def corrupted(wire: bytes, rng: random.Random) -> bytes:
    """Return a frame as a bad line delivers it: bits flipped, bytes lost or added, cut short, or its end eaten."""
    damage = rng.randrange(5)
    place = rng.randrange(len(wire))
    if damage == 0:
        flipped = bytearray(wire)
        for _ in range(rng.randint(1, 12)):
            flipped[rng.randrange(len(wire))] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    if damage == 1:
        return wire[:place] + wire[place + 1 :]
    if damage == 2:
        return wire[:place] + bytes([rng.randrange(256)]) + wire[place:]
    if damage == 3:
        return wire[:place] + b"\0"
    return wire[:-1]


class Talk:
    """The host's end of the line, without a driver: what goes out is chosen by the test, what comes in is kept."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.reader = FrameReader()
        self.received: list[bytes] = []  # payloads, in order
        self.time_ms = 0
        self.counters: Counters | None = None

    def listen(self, timeout_s: float = 0.02) -> None:
        for payload in self.reader.push(self.line.read(timeout_s)):
            self.received.append(payload)
            _, message = read_device_message(payload)
            self.time_ms = message.time_ms if isinstance(message, State) else self.time_ms
            self.counters = message if isinstance(message, Counters) else self.counters

    def until_time(self, time_ms: float, limit_s: float = 60.0) -> None:
        end_s = CLOCK.now_s() + limit_s
        while self.time_ms < time_ms:
            assert CLOCK.now_s() < end_s, f"the device stopped at {self.time_ms} ms"
            self.listen()

    def query(self, sequence: int) -> Counters:
        self.counters = None
        self.line.write(b"\0" + encode_frame(write_message(Query(), sequence)))
        end_s = CLOCK.now_s() + 20.0
        while self.counters is None:
            assert CLOCK.now_s() < end_s, "no counters"
            self.listen()
        return self.counters


def send_all(talk: Talk, rng: random.Random) -> tuple[bytes, dict[int, bytes]]:
    """Send the frames, some corrupted; return everything that was put on the line, and what was meant by number."""
    sent, meant = b"", {}
    start_ms = talk.time_ms
    for first in range(0, FRAMES, BATCH):
        wires = b""
        for i in range(first, min(first + BATCH, FRAMES)):
            payload = write_message(Heartbeat(talk.time_ms), FIRST + i)
            meant[FIRST + i] = payload
            wire = encode_frame(payload)
            wires += corrupted(wire, rng) if rng.random() < SHARE else wire
        talk.line.write(wires)
        sent += wires
        talk.until_time(start_ms + PACE_MS * (first + BATCH))
    return sent, meant


@pytest.mark.qemu
@pytest.mark.timeout(240)
def test_ten_thousand_frames_over_a_bad_line() -> None:
    rng = random.Random(1)
    with qemu_pendant(IMAGE) as running:
        talk = Talk(open_line(running.port))
        talk.line.write(b"\0" + encode_frame(write_message(Hello(NONCE), FIRST - 2)))
        talk.until_time(1)
        before = talk.query(FIRST - 1)
        sent, meant = send_all(talk, rng)
        after = talk.query(FIRST + FRAMES)
        talk.line.close()
    assert_device_took_what_was_whole(sent, meant, before, after)
    assert_host_takes_what_is_whole(talk.received, rng)


def assert_device_took_what_was_whole(sent: bytes, meant: dict[int, bytes], before: Counters, after: Counters) -> None:
    reader = FrameReader()
    whole = 0
    for payload in reader.push(sent + b"\0"):
        sequence, _ = read_host_message(payload)
        assert meant[sequence] == payload, "a corrupted frame has a right CRC: choose another seed"
        whole += 1
    accepted = after.accepted - before.accepted - 1  # the last query
    known_lost = after.lost - before.lost
    dropped = [getattr(after, name) - getattr(before, name) for name in ("bad_crc", "bad_code", "too_long")]
    print(f"to the device: {FRAMES} sent, {accepted} accepted, {known_lost} known lost, dropped {dropped}")
    assert accepted == whole and 0.9 * FRAMES < whole < 0.96 * FRAMES
    assert known_lost == FRAMES - accepted
    assert dropped == [reader.errors.bad_crc, reader.errors.bad_code, reader.errors.too_long]
    assert (after.flooded, after.replayed, after.bad_type, after.bad_version) == (0, 0, 0, 0)


def assert_host_takes_what_is_whole(received: list[bytes], rng: random.Random) -> None:
    """Give the driver's session what the device said, corrupted likewise."""
    session = PendantSession(PendantConfig(), lambda: NONCE)
    session.transmit(0)
    start = next(i for i, payload in enumerate(received) if isinstance(read_device_message(payload)[1], Welcome))
    sequences = [read_device_message(payload)[0] for payload in received[start:]]
    newest = 0  # place of the newest frame that was taken
    for place, payload in enumerate(received[start:]):
        wire = encode_frame(payload)
        bad = place > 0 and rng.random() < SHARE  # the handshake comes through
        taken = session.counters.frames
        session.receive(corrupted(wire, rng) if bad else wire, 0)
        if session.counters.frames > taken:
            newest = place
            message = read_device_message(payload)[1]
            assert not isinstance(message, State) or session.state == message, "accepted wrong"
    taken, known_lost = session.counters.frames, session.counters.lost
    print(f"to the host: {len(sequences)} sent, {taken} accepted, {known_lost} known lost")
    assert len(sequences) >= FRAMES / 2 and 0.88 * len(sequences) < taken < 0.97 * len(sequences)
    assert known_lost == (sequences[newest] - sequences[0]) + 1 - taken
    assert session.counters.replayed == 0
