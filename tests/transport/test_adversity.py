"""A learner's process short of disk or descriptors lives on, and nothing that was accepted is lost."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, step_record
from tests.processes import launched
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
RECORDS = 800
LEARNER = """
import resource, sys
from pathlib import Path
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.receiver import LearnerServer
from tests.data.builders import SCHEMA
limit, soft = int(sys.argv[2]), int(sys.argv[3])
journal = Journal(Path(sys.argv[1]))
introduction = Introduction(SCHEMA, "agent")
with LearnerServer("tcp://127.0.0.1:*", introduction, journal, sync_every_s=0.02, write=print) as server:
    for _ in server.recover(): pass
    resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))
    print(server.address, flush=True)
    while True: server.poll(0.1)
"""


@contextmanager
def limited_learner(folder: Path, limit: int, soft: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a learner with a limit on what the system gives it."""
    command = [sys.executable, "-uc", LEARNER, str(folder / "journal"), str(limit), str(soft)]
    with launched(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@contextmanager
def actor(folder: Path, address: str) -> Iterator[ActorLink]:
    introduction = Introduction(SCHEMA, "agent", "a0", "r")
    with Journal(folder / "spool") as spool, ActorLink(address, introduction, spool) as link:
        yield link


def numbers_stored(folder: Path) -> list[int]:
    with Journal(folder / "journal") as journal:
        return [decode_stored(parts)[0].sequence for _, parts in journal.read()]


def test_a_learner_whose_disk_is_full_waits_for_room(tmp_path: Path) -> None:
    with (
        limited_learner(tmp_path, resource.RLIMIT_FSIZE, 60_000) as (process, address),
        actor(tmp_path, address) as link,
    ):
        assert link.put(step_record(0)) == 0 and link.flush(20.0)
        for number in range(1, RECORDS):
            assert link.put(step_record(number)) == number
        eventually(lambda: "the learner's journal" in link.trouble)
        assert 0 < link.backlog < RECORDS and process.poll() is None
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert link.flush(30.0)
        process.kill()
        assert process.stdout is not None and "no record can be stored" in process.stdout.read()
    assert numbers_stored(tmp_path) == list(range(RECORDS))


def test_a_learner_without_free_descriptors_goes_on(tmp_path: Path) -> None:
    with (
        limited_learner(tmp_path, resource.RLIMIT_NOFILE, 64) as (process, address),
        actor(tmp_path, address) as link,
    ):
        assert link.put(step_record(0)) == 0 and link.flush(20.0)
        host, _, port = address.removeprefix("tcp://").partition(":")
        strangers = [socket.create_connection((host, int(port)), timeout=20.0) for _ in range(100)]
        for number in range(1, RECORDS):
            link.put(step_record(number))
        assert link.flush(30.0) and process.poll() is None
        for stranger in strangers:
            stranger.close()
    assert numbers_stored(tmp_path) == list(range(RECORDS))


@pytest.mark.slow
def test_a_busy_learner_survives_an_actor_that_is_killed_with_its_queue_full(tmp_path: Path) -> None:
    """ZeroMQ's heartbeats ended the learner by an assertion, two seconds after the connection broke."""
    with (
        Journal(tmp_path / "journal") as journal,
        LearnerServer("tcp://127.0.0.1:*", Introduction(SCHEMA, "agent"), journal) as server,
    ):
        with actor(tmp_path, server.address) as link:
            for number in range(RECORDS):
                link.put(step_record(number))
            while not link.counters.sent:
                server.poll(0.01)
            time.sleep(0.5)  # the connection's queue fills meanwhile, in threads of the library
        time.sleep(3.0)  # beyond the heartbeats' period
        server.poll(0.01)
        with actor(tmp_path, server.address) as link:
            while link.backlog:
                server.poll(0.01)
    assert numbers_stored(tmp_path) == list(range(RECORDS))
