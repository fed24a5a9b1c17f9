"""A learner's process short of disk or descriptors lives on, and nothing that was accepted is lost."""

import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, step_record
from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.transport.proxy import Proxy
from tests.waiting import eventually

RECORDS = 800
NONE_FREE = 3
"""Limit on descriptors that leaves none free: the standard ones are open."""

pytestmark = pytest.mark.timeout(60)


@contextmanager
def limited_learner(folder: Path, limit: int, soft: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a learner with a limit on what the system gives it."""
    with learner_process(folder / "journal") as (process, address):
        restrict(process, limit, soft)
        yield process, address


def restrict(process: subprocess.Popen[str], limit: int, soft: int = resource.RLIM_INFINITY) -> None:
    """Limit what the system gives a process, or lift the limit."""
    hard = resource.prlimit(process.pid, limit)[1]
    resource.prlimit(process.pid, limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


@contextmanager
def actor(folder: Path, address: str) -> Iterator[ActorLink]:
    introduction = Introduction(SCHEMA, "agent", "a0", "r")
    with Journal(folder / "spool") as spool, ActorLink(address, introduction, spool) as link:
        yield link


def numbers_stored(folder: Path) -> list[int]:
    return stored(folder / "journal")


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
        restrict(process, resource.RLIMIT_FSIZE)
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
def test_a_learner_that_can_open_no_file_takes_records_again_later(tmp_path: Path) -> None:
    """A full segment needs another file."""
    journal = tmp_path / "journal"
    with (
        learner_process(journal, "--segment-bytes", 20_000) as (learner, address),
        actor_process(tmp_path / "spool", address, "--period-s", 0.002, "--records", RECORDS) as sender,
    ):
        eventually(lambda: size_of(journal) > 5_000)
        restrict(learner, resource.RLIMIT_NOFILE, NONE_FREE)
        wait_for_line(learner, "no record can be stored")
        restrict(learner, resource.RLIMIT_NOFILE, 1024)
        result = result_of(sender)
        assert learner.poll() is None
    assert result["accepted"] == list(range(RECORDS)) == stored(journal)


@pytest.mark.slow
def test_an_actor_whose_disk_is_full_declares_what_it_drops(tmp_path: Path) -> None:
    journal, spool = tmp_path / "journal", tmp_path / "spool"
    with (
        Proxy("tcp://127.0.0.1:1") as proxy,  # the learner is away: the spool grows
        actor_process(spool, proxy.address, "--period-s", 0.001) as sender,
    ):
        eventually(lambda: size_of(spool) > 20_000)
        restrict(sender, resource.RLIMIT_FSIZE, 40_000)
        wait_for_line(sender, "records are dropped")
        with learner_process(journal) as (_, proxy.target):
            eventually(lambda: size_of(journal) > 80_000)  # more than fits: room came back with the acknowledgements
            sender.send_signal(signal.SIGTERM)
            result = result_of(sender)
    assert sender.returncode == 0 and result["dropped"] > 0 and stored(journal) == result["accepted"]
    assert result["put"] == len(result["accepted"]) + result["dropped"]
    print(f"sent {result['put']}, stored {len(result['accepted'])}, declared lost {result['dropped']}")


@pytest.mark.slow
def test_an_actor_without_free_descriptors_keeps_its_records_and_connects_later(tmp_path: Path) -> None:
    with (
        learner_process(tmp_path / "journal") as (_, address),
        Proxy(address) as proxy,
        actor_process(tmp_path / "spool", proxy.address, "--period-s", 0.002, "--records", RECORDS) as sender,
    ):
        eventually(lambda: size_of(tmp_path / "journal") > 5_000)
        restrict(sender, resource.RLIMIT_NOFILE, NONE_FREE)
        proxy.cut()
        wait_for_line(sender, "no connection")
        restrict(sender, resource.RLIMIT_NOFILE, 1024)
        result = result_of(sender)
    assert sender.returncode == 0, result["error"]
    assert result["accepted"] == list(range(RECORDS)) == stored(tmp_path / "journal")


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Read what a process prints until a line holds a text."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        if text in line:
            return
    raise AssertionError(f"it ended without: {text}")


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
