"""A message of endless parts: its connection ends, the learner's memory stays bounded, and honest actors go on."""

import os
import resource
import socket
import struct
from pathlib import Path

import pytest

from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.transport.test_adversity import NONE_FREE, restrict
from tests.waiting import eventually

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
LONG, MORE = 2, 1
MB = 1 << 20


def connect(address: str) -> socket.socket:
    """Return a connection that has introduced itself as a DEALER. Source: ZMTP 3.0, RFC 23."""
    host, _, port = address.removeprefix("tcp://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=5.0)
    connection.sendall(GREETING)
    read(connection, len(GREETING))
    connection.sendall(bytes([4, len(READY)]) + READY)
    read(connection, read(connection, 2)[1])
    return connection


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, "refused"
        data += more
    return data


def part(size: int) -> bytes:
    return bytes([LONG | MORE]) + struct.pack(">Q", size) + bytes(size) if size else bytes([MORE, 0])


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / MB


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("size", "free"), [(0, True), (60_000, True), (60_000, False)])
def test_endless_parts_end_their_connection_and_honest_actors_go_on(tmp_path: Path, size: int, free: bool) -> None:
    """Also where no descriptor is free."""
    journal = tmp_path / "journal"
    with (
        learner_process(journal) as (learner, address),
        actor_process(tmp_path / "spool", address, "--period-s", 0.005, "--records", 500) as actor,
    ):
        eventually(lambda: size_of(journal) > 5_000)
        before_mb, most_mb, sent = rss_mb(learner.pid), 0.0, 0
        with connect(address) as connection, pytest.raises(OSError):
            if not free:
                restrict(learner, resource.RLIMIT_NOFILE, NONE_FREE)
            parts = part(size) * (MB // len(part(size)))
            while sent < 4_000 * MB:
                connection.sendall(parts)
                sent += len(parts)
                most_mb = max(most_mb, rss_mb(learner.pid))
        result = result_of(actor)
        assert learner.poll() is None
        learner.kill()
        assert learner.stdout is not None and "of a message that does not end" in learner.stdout.read()
    assert result["sessions"] == 1 and stored(journal) == result["accepted"] == list(range(500))
    print(f"parts of {size} bytes: {sent / MB:.0f} MB sent, memory from {before_mb:.0f} to {most_mb:.0f} MB")
    assert most_mb - before_mb < 1_000
