"""Learner's end of the wire: stores each record once, acknowledges it when it is durable, publishes weights."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Self

import numpy as np

from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import CorruptRecordError, NonFiniteRecordError, SchemaMismatchError, StorageError
from robot_rl.core.records import RECORDED, Record, StepRecord, check_step
from robot_rl.transport.actors import ACTORS_MAX, Actor, Newcomer, Roster, Stream
from robot_rl.transport.counters import ServerCounters
from robot_rl.transport.handshake import Hello, Introduction, decode_hello, refusal
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import CurveKeys
from robot_rl.transport.messages import checksum_of, decode, decode_stored, record_bytes_max
from robot_rl.transport.notices import Notices
from robot_rl.transport.router import Message, Router
from robot_rl.transport.weights import pack_weights

POLL_MESSAGES_MAX = 1024  # handled in one call of `poll`, so that a flood does not starve the learner
ALIVE_S = 1.0  # for a connected actor to answer when another process claims its name
REASON_MAX = 2000

_CONTRADICTIONS = (CorruptRecordError, SchemaMismatchError, NonFiniteRecordError)


class LearnerServer:
    """ROUTER for records and weights, driven by `poll` from one thread.

    Args:
        address: tcp://HOST:PORT; PORT may be * for any free one, see `address` afterwards.
        introduction: of this learner; without a run it admits the first one that it meets.
        journal: stores every accepted record; read it back with `recover` before the first `poll`.
        keys: CURVE keys, required beyond loopback; they bind each actor's name to a key.
        sync_every_s: longest time between receiving a record and syncing and acknowledging it.
        write: receives a line when an actor is refused, or anything is lost.

    Raises:
        ConfigError: an address beyond this machine without keys, or one that is taken.
    """

    def __init__(
        self,
        address: str,
        introduction: Introduction,
        journal: Journal,
        *,
        keys: CurveKeys | None = None,
        sync_every_s: float = 0.25,
        clock: Clock | None = None,
        write: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.counters, self._journal, self._introduction = ServerCounters(), journal, introduction
        self._clock, self._sync_every_s, self._synced_s = clock or SystemClock(), sync_every_s, 0.0
        self._notices, self._run = Notices(write, self._clock), introduction.run
        self._roster, self._recovered = Roster(), False
        self._latest: bytes | None = None
        self._router = Router(address, keys, record_bytes_max(introduction.schema))
        self.address = self._router.address

    def recover(self) -> Iterator[Record]:
        """Yield the journal's records in order and restore the progress of each actor from them.

        Records that this version would refuse are left out and counted.

        Raises:
            SchemaMismatchError: the journal was written for another schema.
        """
        self._recovered = True
        for index, parts in self._journal.read():
            try:
                record, stream = decode_stored(parts)
                self._check(record)
            except (CorruptRecordError, NonFiniteRecordError) as error:
                self.counters.unreadable += 1
                self._notices.say(f"journal: record {index} is left out: {error}")
                continue
            except SchemaMismatchError as error:
                raise SchemaMismatchError(f"{self._journal.folder}, record {index}: {error}") from error
            streams = self._roster.named(record.actor, record.run).streams
            streams.setdefault(stream, Stream(record.sequence)).add(record.sequence, checksum_of(parts))
            self.counters.recovered += 1
            yield record

    def poll(self, timeout_s: float = 0.0) -> list[Record]:
        """Return the new records in order; wait at most `timeout_s` for the first.

        Records are in the journal when they are returned, and acknowledged once they are on the disk itself.

        Raises:
            StorageError: the disk failed to keep what was written.
        """
        for _ in () if self._recovered else self.recover():
            pass
        deadline_s = self._clock.now_s() + timeout_s
        while True:
            wait_s = max(0.0, min(deadline_s - self._clock.now_s(), self._until_due_s()))
            self._router.poll(math.ceil(1000 * wait_s))
            messages = self._router.receive(POLL_MESSAGES_MAX)
            records = [record for message in messages if (record := self._handle(message))]
            self._admit_newcomers()
            self._follow_keys()
            if self._until_sync_s() <= 0.0:
                self.sync()
            if records or self._clock.now_s() >= deadline_s:
                return records

    def sync(self) -> None:
        """Sync received records to disk and acknowledge them.

        Raises:
            StorageError: the disk failed; nothing was acknowledged.
        """
        self._sync_journal()
        self._synced_s = self._clock.now_s()
        self.counters.syncs += 1
        for actor in self._roster.connected():
            ack = {"next_sequence": actor.progress.expected}
            if actor.dirty and not self._router.answer(actor.route, b"ack", ack):
                self._roster.disconnect(actor.route)  # gone, or it does not read
            actor.dirty = False

    def actors(self) -> dict[tuple[str, str], float]:
        """Return the seconds since the last message of each actor."""
        now_s = self._clock.now_s()
        return {(actor.name, actor.run): now_s - actor.seen_s for actor in self._roster.connected()}

    def status(self) -> dict[str, float]:
        """Return the counters and the space left, for metrics."""
        return {
            **{f"wire_{name}": count for name, count in vars(self.counters).items()},
            "wire_actors": len(self._roster.connected()),
            "journal_lost": self._journal.first_index + self._journal.lost_records,
            "journal_mb": self._journal.size_bytes / 1e6,
            "disk_left_mb": self._journal.disk_left_bytes / 1e6,
        }

    def close(self) -> None:
        """Acknowledge stored records and close the sockets; the journal stays open."""
        try:
            self.sync()
        finally:
            self._router.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- weights ---------------------------------------------------------------------------------------------------

    def publish_weights(self, version: int, parameters: Mapping[str, np.ndarray]) -> None:
        """Send the policy's parameters to every actor, and to those that join later; publications never queue up."""
        self._latest = pack_weights(version, self._introduction.agent_hash, parameters)
        self.counters.publications += 1
        for actor in self._roster.connected():
            self._send_weights(actor)

    def _send_weights(self, actor: Actor) -> None:
        actor.weights_stale = actor.weights_under_way
        if self._latest is not None and not actor.weights_under_way:
            actor.weights_under_way = self._router.send([actor.route, b"weights", self._latest])

    # -- inside ----------------------------------------------------------------------------------------------------

    def _until_sync_s(self) -> float:
        if not any(actor.dirty for actor in self._roster.connected()):
            return float("inf")
        return self._synced_s + self._sync_every_s - self._clock.now_s()

    def _until_due_s(self) -> float:
        return min([self._until_sync_s(), *(n.until_s - self._clock.now_s() for n in self._roster.newcomers)])

    def _sync_journal(self) -> None:
        try:
            self._journal.sync()
        except OSError as error:
            raise StorageError(
                f"journal: got {error} while syncing {self._journal.folder}, expected a disk that keeps what it takes; "
                "mend it and resume: actors keep what was not acknowledged."
            ) from error

    def _handle(self, message: Message) -> Record | None:
        """Handle one message; return its record when that is new."""
        actor = self._roster.at(message.route)
        try:
            match message.kind, len(message.parts):
                case b"hello", 1:
                    self._hear_hello(message, decode_hello(message.parts[0]))
                case b"record", 2 if actor is not None:
                    return self._accept(actor, message.parts)
                case b"alive" | b"weights-received", 0 if actor is not None:
                    self._hear_sign(actor, message.kind)
                case _:
                    self.counters.unknown += 1
                    self._router.answer(message.route, b"who", {})
                    if message.address:
                        self._notices.say(f"connection from {message.address}: got messages, expected a hello first")
        except _CONTRADICTIONS as error:
            origin = actor or f"connection from {message.address or 'an unknown address'}"
            self._refuse(message.route, f"{origin}: {error}")
        return None

    def _hear_sign(self, actor: Actor, kind: bytes) -> None:
        """Handle a sign of life: it refuses those who claim the name, or is a receipt for weights."""
        actor.seen_s = self._clock.now_s()
        if kind == b"weights-received":
            actor.weights_under_way = False
            if actor.weights_stale:
                self._send_weights(actor)
            return
        for newcomer in self._roster.claimants(actor):
            self._refuse(newcomer.message.route, newcomer.refusal(actor))

    def _hear_hello(self, message: Message, hello: Hello) -> None:
        """Refuse an actor, admit it, or first ask the connected one of its name for a sign of life."""
        reason = refusal(replace(self._introduction, run=self._run), hello.introduction, message.key_name)
        actor = self._roster.of(hello) if reason is None else None
        if actor is None:
            return self._refuse(message.route, reason or f"{hello.introduction}: got too many actors or streams.")
        other = actor.route and actor.process != hello.process
        if other and len(self._roster.newcomers) < ACTORS_MAX and self._router.answer(actor.route, b"alive?", {}):
            self._roster.newcomers.append(Newcomer(message, hello, self._clock.now_s() + ALIVE_S))
        else:
            self._welcome(actor, hello, message)

    def _admit_newcomers(self) -> None:
        """Admit those whose namesake gave no sign of life."""
        for newcomer in self._roster.unanswered(self._clock.now_s()):
            if actor := self._roster.of(newcomer.hello):
                self._notices.say(newcomer.takeover(actor))
                self._welcome(actor, newcomer.hello, newcomer.message)

    def _follow_keys(self) -> None:
        """Report refused keys, and refuse the actors whose key was revoked since they connected."""
        for line in self._router.events():
            self.counters.refused += 1
            self._notices.say(line)
        for actor in [actor for actor in self._roster.connected() if not self._router.admits(actor.key)]:
            self._refuse(actor.route, f"{actor}: its key was revoked; `robot-rl keys add` makes another one.")

    def _welcome(self, actor: Actor, hello: Hello, message: Message) -> None:
        stream, route = actor.open(hello), message.route
        if hello.next_sequence < stream.expected:
            self._notices.say(f"{actor}: its spool ends at {hello.next_sequence}, before {stream.expected}: new stream")
            self._router.answer(route, b"behind", {"checksums": stream.checksums_before(hello.next_sequence)})
            return
        self._run = self._run or hello.introduction.run
        if missing := stream.skip_to(hello.first_sequence):
            self.counters.gaps += missing
            self._notices.say(f"{actor}: its spool lacks {missing} records")
        self._roster.connect(actor, hello, message, self._clock.now_s())
        self._sync_journal()  # a welcome acknowledges: records that it counts must be on disk
        place = {"next_sequence": stream.expected, "checksum": stream.checksum(stream.expected - 1)}
        self._router.answer(route, b"welcome", place)
        self._send_weights(actor)

    def _accept(self, actor: Actor, parts: list[bytes]) -> Record | None:
        record, stream = decode(parts), actor.progress
        if (record.actor, record.run) != (actor.name, actor.run):
            raise CorruptRecordError(f"record: got one of {record.actor!r}, expected one of {actor.name!r}.")
        actor.dirty, actor.seen_s, checksum = True, self._clock.now_s(), checksum_of(parts)
        if record.sequence != stream.expected:
            self.counters.duplicates += record.sequence < stream.expected
            self.counters.out_of_order += record.sequence > stream.expected
            if stream.checksum(record.sequence) not in (None, checksum):
                raise CorruptRecordError(f"record: got {record.sequence} again with other content; it was not stored.")
            return None
        self._check(record)
        if isinstance(record, StepRecord) and record.source in RECORDED:
            raise CorruptRecordError("record: got a recorded one, expected steps of policy or human from an actor.")
        return record if self._store(actor, record.sequence, parts, checksum) else None

    def _store(self, actor: Actor, sequence: int, parts: list[bytes], checksum: int) -> bool:
        """Write a record to the journal; where the disk takes none, end the connection: the actor tries again."""
        try:
            self._journal.append([*parts, actor.stream.encode()])
        except OSError as error:
            self.counters.not_stored += 1
            self._notices.say(f"journal: no record can be stored ({error}); actors keep theirs and try again")
            self._router.answer(actor.route, b"busy", {"reason": f"the learner's journal: {error}"})
            self._roster.disconnect(actor.route)
            return False
        actor.progress.add(sequence, checksum)
        self.counters.records += 1
        return True

    def _check(self, record: Record) -> None:
        if isinstance(record, StepRecord):
            check_step(record, self._introduction.schema)

    def _refuse(self, route: bytes, reason: str) -> None:
        self.counters.refused += 1
        self._notices.say(f"refused: {reason}")
        self._roster.disconnect(route)
        self._router.answer(route, b"refuse", {"reason": reason[:REASON_MAX]})
