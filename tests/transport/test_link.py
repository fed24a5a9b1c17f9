"""Actor and learner over real sockets: delivery, refusal, restarts, weights."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zmq

from robot_rl.core.errors import ConfigError, HandshakeRefusedError, NonFiniteRecordError, SchemaMismatchError
from robot_rl.core.records import LabelRecord, Record, Source
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.transport.handshake import Hello, Introduction, encode_hello
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import generate_keys, read_keys
from robot_rl.transport.messages import decode_stored, encode, pack, unpack
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.sender import ActorLink
from tests.data.builders import SCHEMA, frame, step_record

ANYWHERE = "tcp://127.0.0.1:*"
AGENT = "a" * 64
TIMEOUT_S = 20.0
STREAM = "0" * 32


@contextmanager
def learner(folder: Path, address: str = ANYWHERE, run: str = "", **options: object) -> Iterator[LearnerServer]:
    options = {"sync_every_s": 0.01} | options
    mine = Introduction(SCHEMA, AGENT, run=run)
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


@contextmanager
def raw_actor(server: LearnerServer, first: int = 0) -> Iterator[zmq.Socket[bytes]]:
    """Connect with a hello and nothing behind it: no answer is obeyed."""
    hello = Hello(Introduction(SCHEMA, AGENT, "a0", "r"), STREAM, STREAM, first, first)
    context = zmq.Context()
    with context, context.socket(zmq.DEALER) as socket:
        socket.linger, socket.rcvtimeo = 0, round(1000 * TIMEOUT_S)
        socket.connect(server.address)
        socket.send_multipart([b"hello", encode_hello(hello)])
        yield socket


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
            hello = Hello(Introduction(SCHEMA, AGENT, "a0", "r"), STREAM, STREAM, 0, 5)
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


def stored(folder: Path) -> list[float]:
    """Return the rewards in the learner's journal, in order."""
    with Journal(folder / "journal") as journal:
        return [decode_stored(parts)[0].reward for _, parts in journal.read()]


def test_a_lost_spool_begins_another_stream(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        for disk, number in (("disk", 0), ("new-disk", 1)):
            with actor(tmp_path / disk, server.address) as link:
                link.put(step_record(number, episode=number))
                pump(server, lambda: link.backlog == 0)
    assert stored(tmp_path) == [0.0, 1.0]


def cut_after_twenty(tmp_path: Path, server: LearnerServer) -> Path:
    """Deliver 20 records, then cut the spool to half, as a power cut may; return its segment."""
    with actor(tmp_path, server.address) as link:
        for number in range(20):
            link.put(step_record(number))
        pump(server, lambda: link.backlog == 0)
    segment = next((tmp_path / "spool-a0").glob("*.log"))
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    return segment


@pytest.mark.parametrize("later", [0, 3, 30])
def test_a_spool_that_a_power_cut_shortened_begins_another_stream(tmp_path: Path, later: int) -> None:
    """`later` records are put before the learner is met again."""
    with learner(tmp_path) as server:
        address = server.address
        cut_after_twenty(tmp_path, server)
    with actor(tmp_path, address) as link:
        for number in range(later):
            link.put(step_record(100 + number))
    with learner(tmp_path, address) as server, actor(tmp_path, address) as link:
        link.put(step_record(999))
        pump(server, lambda: link.backlog == 0)
        assert link.counters.streams == 1
    rewards = stored(tmp_path)
    assert set(rewards) == {*map(float, range(20)), *(100.0 + n for n in range(later)), 999.0}
    assert rewards[:20] == list(map(float, range(20))) and rewards[-1] == 999.0


@pytest.mark.parametrize("before_hello", [False, True])
def test_power_cuts_in_a_row_store_nothing_twice(tmp_path: Path, before_hello: bool) -> None:
    """The second one takes what the other stream had put, not what the learner holds of the first stream."""
    with learner(tmp_path) as server:
        address = server.address
        segment = cut_after_twenty(tmp_path, server)
        left = segment.read_bytes()
        with actor(tmp_path, address) as link:
            link.put(step_record(100))
            pump(server, lambda: link.backlog == 0)
        segment.write_bytes(left)
        if before_hello:
            with actor(tmp_path, "tcp://127.0.0.1:1") as link:
                link.put(step_record(101))
        with actor(tmp_path, address) as link:
            pump(server, lambda: link.backlog == 0)
            link.put(step_record(102))
            pump(server, lambda: link.backlog == 0)
    assert stored(tmp_path) == [*map(float, range(20)), 100.0, *([101.0] if before_hello else []), 102.0]


@pytest.mark.parametrize("later", [0, 5])
def test_a_spool_without_records_that_is_behind_begins_another_stream(tmp_path: Path, later: int) -> None:
    """`later` records are put before the hello: the learner compares up to there, the spool begins there."""
    with learner(tmp_path) as server:
        with actor(tmp_path, server.address) as link:
            for number in range(1200):
                link.put(step_record(number % 100, episode=number))
            pump(server, lambda: link.backlog == 0)
        for segment in (tmp_path / "spool-a0").glob("*.log"):
            segment.unlink()
        with Journal(tmp_path / "spool-a0"):
            pass
        (tmp_path / "spool-a0" / f"{0:020d}.log").rename(tmp_path / "spool-a0" / f"{1100:020d}.log")
        with Journal(tmp_path / "spool-a0") as spool:
            for number in range(later):
                spool.append(encode(step_record(number, sequence=1100 + number)))
        with actor(tmp_path, server.address) as link:
            link.put(step_record(50))
            pump(server, lambda: link.backlog == 0)
            assert link.counters.streams == 1
    assert stored(tmp_path)[1200:] == [*map(float, range(later)), 50.0]


def test_a_second_actor_of_one_name_is_refused_with_both_sides_named(tmp_path: Path) -> None:
    lines: list[str] = []
    with (
        learner(tmp_path, write=lines.append) as server,
        actor(tmp_path / "one", server.address) as first,
    ):
        first.put(step_record(1))
        pump(server, lambda: first.backlog == 0)
        with actor(tmp_path / "two", server.address) as second:
            for number in range(20):
                first.put(step_record(2 + number))
            second.put(step_record(100))
            pump(server, lambda: server.counters.refused > 0 and first.backlog == 0)
            with pytest.raises(HandshakeRefusedError, match=r"got a second one .*127.0.0.1.* beside actor 'a0'"):
                pump(server, lambda: second.latest_weights() is not None)
            assert second.backlog == 1
        first.check()
    assert any("a second one" in line for line in lines)
    assert stored(tmp_path) == [*map(float, range(1, 22))]


def test_a_copied_spool_is_refused_while_its_original_is_alive(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path / "one", server.address) as first:
        first.put(step_record(1))
        pump(server, lambda: first.backlog == 0)
        shutil.copytree(tmp_path / "one", tmp_path / "copy")
        with actor(tmp_path / "copy", server.address) as second:
            second.put(step_record(100))
            pump(server, lambda: server.counters.refused > 0)
            with pytest.raises(HandshakeRefusedError, match="a second one"):
                pump(server, lambda: second.latest_weights() is not None)
        first.put(step_record(2))
        pump(server, lambda: first.backlog == 0)
    assert stored(tmp_path) == [1.0, 2.0]


def test_an_actor_whose_process_hangs_is_replaced(tmp_path: Path) -> None:
    lines: list[str] = []
    with learner(tmp_path, write=lines.append) as server, raw_actor(server) as hanging:
        pump(server, lambda: bool(server.actors()))
        with actor(tmp_path, server.address) as link:
            link.put(step_record(0))
            pump(server, lambda: link.backlog == 0)
        assert hanging.recv_multipart()[0] == b"welcome"
    assert len(lines) == 1 and "gave no sign of life; its name is now that of a process from 127.0.0.1" in lines[0]


def test_a_stolen_name_needs_its_stream(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        link.put(step_record(0))
        pump(server, lambda: link.backlog == 0)
        with raw_actor(server, first=10**6) as thief:
            pump(server, lambda: server.counters.refused > 0)
            assert thief.recv_multipart()[0] == b"refuse"
        for number in range(1, 20):
            link.put(step_record(number))
        pump(server, lambda: link.backlog == 0)
        assert server.counters.gaps == 0
    assert stored(tmp_path) == [*map(float, range(20))]


def test_another_run_is_refused(tmp_path: Path) -> None:
    with learner(tmp_path, run="mine") as server, actor(tmp_path, server.address) as link:
        both = r"does not fit learner of run 'mine' .*run: 'r' against 'mine'"
        with pytest.raises(HandshakeRefusedError, match=both):
            pump(server, lambda: link.latest_weights() is not None)


def test_a_number_with_other_content_is_refused(tmp_path: Path) -> None:
    with learner(tmp_path) as server, raw_actor(server) as socket:
        for reward in (1.0, 2.0):
            socket.send_multipart([b"record", *encode(step_record(0, reward=reward))])
        pump(server, lambda: server.counters.refused > 0)
        answers = [socket.recv_multipart() for _ in range(2)]
        assert [kind for kind, _ in answers] == [b"welcome", b"refuse"]
        assert "again with other content" in unpack(answers[1][1])["reason"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (step_record(0, source=Source.DEMONSTRATION), "got a recorded one"),
        (step_record(0, source=Source.EARLIER), "got a recorded one"),
        (step_record(0, reward=float("inf")), "finite"),
        (step_record(0, obs=frame(0) | {"state": np.full(2, np.nan, np.float32)}), "NaN"),
        (step_record(0, actor="other"), "got one of 'other', expected one of 'a0'"),
        (step_record(0, obs=frame(0) | {"state": np.zeros(3, np.float32)}), "observation 'state'"),
    ],
)
def test_a_record_that_must_not_be_learnt_is_refused_and_not_stored(
    tmp_path: Path, record: Record, reason: str
) -> None:
    lines: list[str] = []
    with learner(tmp_path, write=lines.append) as server, raw_actor(server) as socket:
        socket.send_multipart([b"record", *encode(record)])
        pump(server, lambda: server.counters.refused > 0)
        assert socket.recv_multipart()[0] == b"welcome"
        assert reason in unpack(socket.recv_multipart()[1])["reason"]
    assert "actor 'a0' of run 'r' (stream 00000000 from 127.0.0.1)" in lines[0] and reason in lines[0]
    assert stored(tmp_path) == []


def test_not_a_number_is_refused_where_it_is_put(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        with pytest.raises(NonFiniteRecordError, match="in state at step 0"):
            link.put(step_record(0, obs=frame(0) | {"state": np.full(2, np.nan, np.float32)}))
        assert link.backlog == 0


def test_records_of_earlier_versions_that_would_be_refused_now_are_left_out(tmp_path: Path) -> None:
    lines: list[str] = []
    with Journal(tmp_path / "journal") as journal:
        for number, reward in enumerate((1.0, float("nan"), 3.0)):
            header, body = encode(step_record(number, reward=0.0))
            journal.append([msgpack.packb(msgpack.unpackb(header) | {"reward": reward}), body])
    with learner(tmp_path, write=lines.append) as server:
        assert [record.reward for record in server.recover()] == [1.0, 3.0]
        assert server.counters.unreadable == 1 and "record 1 is left out" in lines[0]


def test_a_spool_of_an_earlier_version_continues_where_it_was(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal, Journal(tmp_path / "spool-a0") as spool:
        for number in range(5):
            spool.append(encode(step_record(number)))
            if number < 3:
                journal.append(encode(step_record(number)))
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        assert sequences(list(server.recover())) == [0, 1, 2]
        assert sequences(pump(server, lambda: link.backlog == 0)) == [3, 4]


def test_a_step_of_another_shape_is_refused_where_it_is_put(tmp_path: Path) -> None:
    with learner(tmp_path) as server, actor(tmp_path, server.address) as link:
        with pytest.raises(SchemaMismatchError, match="observation 'state'"):
            link.put(step_record(0, obs=frame(0) | {"state": np.zeros(3, np.float32)}))
        assert link.backlog == 0


def test_unknown_connections_must_send_a_hello_and_noise_is_refused(tmp_path: Path) -> None:
    lines: list[str] = []
    context = zmq.Context()
    with learner(tmp_path, write=lines.append) as server, context, context.socket(zmq.DEALER) as socket:
        socket.connect(server.address)
        for message in ([b"record", b"x", b"y"], [b"hello", b"noise"], [b"hello", pack({})], [b""]):
            socket.send_multipart(message)
        pump(server, lambda: server.counters.unknown + server.counters.refused == 4)
        assert [socket.recv_multipart()[0] for _ in range(4)] == [b"who", b"refuse", b"refuse", b"who"]
    assert all("connection from 127.0.0.1" in line for line in lines) and "expected a hello first" in lines[-1]


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
    lines: list[str] = []
    with actor(tmp_path, "tcp://127.0.0.1:9", spool_bytes_max=2000, write=lines.append) as link:
        numbers = [link.put(step_record(0)) for _ in range(10)]
        assert numbers[-1] == -1
        assert link.counters.dropped == numbers.count(-1) > 0
        assert link.backlog == 10 - link.counters.dropped
    assert lines == ["spool: records are dropped until there is room (the spool is full)"]


def test_a_spool_that_was_full_takes_records_again(tmp_path: Path) -> None:
    with learner(tmp_path) as server:
        address = server.address
    with actor(tmp_path, address, spool_bytes_max=300_000) as link:
        while link.put(step_record(0)) >= 0:
            pass
        accepted = link.next_sequence
        with learner(tmp_path, address) as server:
            pump(server, lambda: link.status()["spool_mb"] < 0.1)
            assert [link.put(step_record(0)) for _ in range(20)] == list(range(accepted, accepted + 20))
            pump(server, lambda: link.backlog == 0)
            assert link.status()["dropped"] == 1 and link.status()["spool_mb"] < 0.1


def test_a_small_spool_that_was_full_takes_records_again(tmp_path: Path) -> None:
    """Smaller than a segment that gives its space back by itself."""
    with learner(tmp_path) as server, actor(tmp_path, server.address, spool_bytes_max=5_000) as link:
        while link.put(step_record(0)) >= 0:
            pass
        accepted = link.next_sequence
        pump(server, lambda: link.backlog == 0)
        assert [link.put(step_record(0)) for _ in range(5)] == list(range(accepted, accepted + 5))
        pump(server, lambda: link.backlog == 0)


def test_a_name_belongs_to_its_key(tmp_path: Path) -> None:
    learner_keys, _, second = map(read_keys, generate_keys(tmp_path / "keys", actors=2))
    with (
        learner(tmp_path, keys=learner_keys) as server,
        actor(tmp_path, server.address, "actor-0", keys=second) as link,
        pytest.raises(HandshakeRefusedError, match="got the key of 'actor-1', expected that of this name"),
    ):
        pump(server, lambda: link.latest_weights() is not None)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = generate_keys(tmp_path)[0]
    assert "secret" not in repr(read_keys(path))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 640; chmod 600"):
        read_keys(path)


@pytest.mark.parametrize("answer", [b"ack", b"welcome"])
def test_a_learner_cannot_acknowledge_what_it_was_not_sent(tmp_path: Path, answer: bytes) -> None:
    context = zmq.Context()
    with context, context.socket(zmq.ROUTER) as router:
        router.linger, router.rcvtimeo = 0, round(1000 * TIMEOUT_S)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        with actor(tmp_path, f"tcp://127.0.0.1:{port}") as link:
            for _ in range(600):
                link.put(step_record(0))
            route, *_ = router.recv_multipart()
            if answer == b"ack":
                router.send_multipart([route, b"welcome", pack({"next_sequence": 0, "checksum": None})])
            router.send_multipart([route, answer, pack({"next_sequence": 10**9, "checksum": None})])
            while router.recv_multipart()[0] == route:
                pass  # records; the next session has another route
            assert link.backlog == 600 and "expected" in link.trouble
            link.check()


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
        actor(tmp_path, server.address, "actor-0", keys=known) as admitted,
        actor(tmp_path, server.address, "a1", keys=stranger) as rejected,
    ):
        admitted.put(step_record(0))
        rejected.put(step_record(0, actor="a1"))
        server.publish_weights(1, {"w": np.zeros(1, np.float32)})
        records = pump(server, lambda: admitted.backlog == 0 and admitted.latest_weights() is not None)
        assert [record.actor for record in records] == ["actor-0"]
        assert rejected.backlog == 1 and rejected.counters.sessions == 0
