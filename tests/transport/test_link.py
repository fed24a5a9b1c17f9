"""Actor and learner over real sockets: delivery, refusal, restarts, weights."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq

from robot_rl.core.errors import ConfigError, HandshakeRefusedError, SchemaMismatchError
from robot_rl.core.records import LabelRecord, Record
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.transport.handshake import Hello, Introduction, encode_hello
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import encode, pack
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.security import generate_keys, read_keys
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, frame, step_record

ANYWHERE = "tcp://127.0.0.1:*"
AGENT = "a" * 64
TIMEOUT_S = 20.0


@contextmanager
def learner(folder: Path, address: str = ANYWHERE, **options: object) -> Iterator[LearnerServer]:
    options = {"sync_every_s": 0.01} | options
    mine = Introduction(SCHEMA, AGENT)
    with Journal(folder / "journal") as journal, LearnerServer(address, mine, journal, **options) as server:  # type: ignore[arg-type]
        yield server


@contextmanager
def actor(
    folder: Path,
    address: str,
    name: str = "a0",
    schema: StepSchema = SCHEMA,
    agent_hash: str = AGENT,
    **options: object,
) -> Iterator[ActorLink]:
    mine = Introduction(schema, agent_hash, name, "r")
    with Journal(folder / f"spool-{name}") as spool, ActorLink(address, mine, spool, **options) as link:  # type: ignore[arg-type]
        yield link


def pump(server: LearnerServer, until: Callable[[], bool]) -> list[Record]:
    """Run the learner's end until something holds; return what arrived meanwhile."""
    records, deadline_s = [], time.monotonic() + TIMEOUT_S
    while not until():
        assert time.monotonic() < deadline_s, "nothing came of it in time"
        records += server.poll(0.01)
    return records


def sequences(records: list[Record]) -> list[int]:
    return [record.sequence for record in records]


def test_records_arrive_once_and_in_order(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        for number in range(1500):
            assert link.put(step_record(number % 100)) == number
        link.put(LabelRecord("a0", "r", 0, 0, 3, "success", 1.0, 2, 0))
        records = pump(server, lambda: link.backlog == 0)
        assert sequences(records) == list(range(1501))
        assert server.counters.duplicates == server.counters.out_of_order == 0
        assert link.counters.acknowledged == 1501


def test_several_actors_feed_one_learner(tmp_path: Path) -> None:
    with (
        learner(tmp_path) as server,
        actor(tmp_path, server.address, "a0") as one,
        actor(tmp_path, server.address, "a1") as two,
    ):
        for number in range(100):
            one.put(step_record(number))
            two.put(step_record(number, actor="a1"))
        records = pump(server, lambda: one.backlog == two.backlog == 0)
        for name in ("a0", "a1"):
            assert sequences([record for record in records if record.actor == name]) == list(range(100))
        assert set(server.actors()) == {("a0", "r"), ("a1", "r")}


def test_an_actor_works_before_its_learner_exists(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        address = server.address
    with actor(tmp_path, address) as link:
        for number in range(20):
            link.put(step_record(number))
        assert link.backlog == 20
        assert link.latest_weights() is None
        with learner(tmp_path, address) as server:
            assert sequences(pump(server, lambda: link.backlog == 0)) == list(range(20))


def test_numbers_go_on_after_an_actor_restarts(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        for first in (0, 5):
            with actor(tmp_path, server.address) as link:
                assert link.next_sequence == first
                for number in range(5):
                    link.put(step_record(number))
                assert sequences(pump(server, lambda: link.backlog == 0)) == list(range(first, first + 5))


def test_a_restarted_learner_recovers_and_drops_repeats(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        address = server.address
        with actor(tmp_path, address) as link:
            for number in range(10):
                link.put(step_record(number))
            pump(server, lambda: link.backlog == 0)
    spool = tmp_path / "spool-a0"  # as if the acknowledgements had been lost: the records are still in its only segment
    with learner(tmp_path, address) as server:
        assert sequences(list(server.recover())) == list(range(10))
        with Journal(spool) as journal:
            assert len(journal) == 10
        with actor(tmp_path, address) as link:
            link.put(step_record(10))
            assert sequences(pump(server, lambda: link.backlog == 0)) == [10]


def test_a_flood_of_repeats_is_stored_once(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        context = zmq.Context()
        with context, context.socket(zmq.DEALER) as socket:
            hello = Hello(Introduction(SCHEMA, AGENT, "a0", "r"), 0, 5)
            socket.connect(server.address)
            socket.send_multipart([b"hello", encode_hello(hello)])
            for number in [0, 1, 1, 3, 0, 2, 2, 3, 4]:
                socket.send_multipart([b"record", *encode(step_record(number))])
            records = pump(server, lambda: server.counters.records == 5)
            assert sequences(records) == [0, 1, 2, 3, 4]
            assert (server.counters.duplicates, server.counters.out_of_order) == (3, 1)


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("schema", StepSchema(SCHEMA.observation, SCHEMA.action, "other-task"), "task: 'other-task' against 'unit'"),
        (
            "schema",
            StepSchema({"state": ArraySpec((9,), "float32")}, SCHEMA.action, "unit"),
            r"observation 'state': float32\[9\] against float32\[2\]",
        ),
        ("schema", replace(SCHEMA, encoder="e" * 64), "encoder: eeeeeeeeeeee against none"),
        ("agent_hash", "b" * 64, "agent: bbbbbbbbbbbb against aaaaaaaaaaaa"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_sides_named(
    tmp_path: Path, option: str, value: object, named: str
) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address, **{option: value}) as link:
        pump(server, lambda: server.counters.refused > 0)
        with pytest.raises(HandshakeRefusedError, match=rf"actor 'a0' of run 'r' .* does not fit learner .*{named}"):
            pump(server, lambda: link.latest_weights() is not None)
        with pytest.raises(HandshakeRefusedError):
            link.put(step_record(0))


def test_a_lost_spool_is_refused_instead_of_dropping_its_records(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        with actor(tmp_path / "disk", server.address) as link:
            link.put(step_record(0))
            pump(server, lambda: link.backlog == 0)
        with actor(tmp_path / "new-disk", server.address) as link:
            pump(server, lambda: server.counters.refused > 0)
            with pytest.raises(HandshakeRefusedError, match="the spool was lost or two actors share a name"):
                pump(server, lambda: link.latest_weights() is not None)


def test_a_step_of_another_shape_is_refused_where_it_is_put(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        with pytest.raises(SchemaMismatchError, match="observation 'state'"):
            link.put(step_record(0, obs=frame(0) | {"state": np.zeros(3, np.float32)}))
        assert link.backlog == 0


def test_unknown_connections_must_send_a_hello_and_noise_is_refused(tmp_path: Path) -> None:
    context = zmq.Context()
    with learner(tmp_path) as server, context, context.socket(zmq.DEALER) as socket:
        socket.connect(server.address)
        for message in ([b"record", b"x", b"y"], [b"hello", b"noise"], [b"hello", pack({})], [b""]):
            socket.send_multipart(message)
        pump(server, lambda: server.counters.unknown + server.counters.refused == 4)
        assert [socket.recv_multipart()[0] for _ in range(4)] == [b"who", b"refuse", b"refuse", b"who"]


def test_asking_for_weights_raises_the_learners_refusal(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address, agent_hash="b" * 64) as link:
        pump(server, lambda: server.counters.refused > 0)
        with pytest.raises(HandshakeRefusedError, match="does not fit"):
            pump(server, lambda: link.latest_weights() is not None)


@pytest.mark.parametrize("lost", [range(1), range(3, 4), range(5, 600), range(599, 600)])
def test_records_that_the_spool_lost_leave_a_gap_and_the_others_arrive(tmp_path: Path, lost: range) -> None:
    with learner(tmp_path) as server:
        address = server.address
    with actor(tmp_path, address) as link:
        for number in range(601):
            link.put(step_record(number % 100))
    segment = next((tmp_path / "spool-a0").glob("*.log"))
    data, offsets = segment.read_bytes(), [8]
    while offsets[-1] < len(data):
        offsets.append(offsets[-1] + 16 + int.from_bytes(data[offsets[-1] : offsets[-1] + 4], "little"))
    begin, end = offsets[lost.start], offsets[lost.stop]
    segment.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    with learner(tmp_path, address) as server, actor(tmp_path, address) as link:
        records = pump(server, lambda: link.backlog == 0)
        assert sequences(records) == [number for number in range(601) if number not in lost]
        assert server.counters.gaps == len(lost)


def test_weights_reach_running_and_late_actors(tmp_path: Path) -> None:
    parameters = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
    with learner(tmp_path) as server, actor(tmp_path, server.address, "a0") as early:
        pump(server, lambda: bool(server.actors()))
        server.publish_weights(7, parameters)
        pump(server, lambda: early.latest_weights() is not None)
        with actor(tmp_path, server.address, "a1") as late:
            pump(server, lambda: late.latest_weights() is not None)
            for link in (early, late):
                version, received, age_s = link.latest_weights() or (0, {}, 0.0)
                assert version == 7 and age_s >= 0.0
                assert np.array_equal(received["w"], parameters["w"])


def test_a_slow_actor_gets_the_newest_weights(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        for version in range(50):
            server.publish_weights(version, {"w": np.full(1000, version, np.float32)})
        pump(server, lambda: (link.latest_weights() or (0,))[0] == 49)


def test_a_full_spool_drops_and_counts(tmp_path: Path) -> None:
    with actor(tmp_path, "tcp://127.0.0.1:9", spool_bytes_max=2000) as link:
        numbers = [link.put(step_record(0)) for _ in range(10)]
        assert numbers[-1] == -1
        assert link.counters.dropped == numbers.count(-1) > 0
        assert link.backlog == 10 - link.counters.dropped


def test_beyond_this_machine_keys_are_required(tmp_path: Path) -> None:
    for address in ("tcp://0.0.0.0:5555", "tcp://10.0.0.7:5555", "tcp://*:5555"):
        with pytest.raises(ConfigError, match=r"expected loopback .* or CURVE keys"), learner(tmp_path, address):
            pass
    with pytest.raises(ConfigError, match="expected loopback"), actor(tmp_path, "tcp://robot:5555"):
        pass
    with pytest.raises(ConfigError, match="expected tcp://HOST:PORT"), learner(tmp_path, "127.0.0.1"):
        pass


def test_keys_admit_known_peers_only(tmp_path: Path) -> None:
    learner_keys, known = map(read_keys, generate_keys(tmp_path / "keys"))
    _, stranger = map(read_keys, generate_keys(tmp_path / "other-keys"))
    stranger = type(stranger)(stranger.public, stranger.secret, known.peers)
    with (
        learner(tmp_path, keys=learner_keys) as server,
        actor(tmp_path, server.address, "a0", keys=known) as admitted,
        actor(tmp_path, server.address, "a1", keys=stranger) as rejected,
    ):
        admitted.put(step_record(0))
        rejected.put(step_record(0, actor="a1"))
        server.publish_weights(1, {"w": np.zeros(1, np.float32)})
        records = pump(server, lambda: admitted.backlog == 0 and admitted.latest_weights() is not None)
        assert [record.actor for record in records] == ["a0"]
        assert rejected.backlog == 1 and rejected.counters.sessions == 0
