"""Actor's end of the wire: `put` writes to the spool and returns; a thread delivers."""

import contextlib
import dataclasses
import os
import secrets
import threading
from collections.abc import Callable
from typing import Self

import numpy as np

from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import (
    CorruptRecordError,
    HandshakeRefusedError,
    NonFiniteRecordError,
    RobotRLError,
    SchemaMismatchError,
)
from robot_rl.core.records import Record, StepRecord, check_step
from robot_rl.core.schema import StepSchema
from robot_rl.transport.counters import LinkCounters
from robot_rl.transport.handshake import Hello, Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import CurveKeys
from robot_rl.transport.messages import decode, encode
from robot_rl.transport.notices import Notices
from robot_rl.transport.security import check_address
from robot_rl.transport.session import HANDSHAKE_FAILED, Behind, Busy, Refused, Session, SessionLost
from robot_rl.transport.stream import first_of_stream, new_stream, read_stream
from robot_rl.transport.weights import Publication, unpack_weights

SPOOL_BYTES_MAX = 16 << 30
RECONNECT_S = 0.1
BUSY_S = 0.5
UNSECURED_MAX = 3
"""Connections in a row that ended before they were secured, from which on a person has to act."""


class ActorLink:
    """Delivery of an actor's records, at least once and in order, and reception of weights, without blocking.

    Records are numbered by their place in the spool, so numbers continue where the last process of this actor stopped.

    Args:
        address: the learner's, tcp://HOST:PORT.
        spool: journal of this link, kept between processes; records leave it once they are durable at the learner.
        introduction: of this actor; weights of another agent are refused.
        keys: CURVE keys, required beyond loopback.
        write: receives a line when records are dropped or not taken.

    Raises:
        ConfigError: an address beyond this machine without keys.
        SchemaMismatchError: the spool holds records of another schema.
    """

    def __init__(
        self,
        address: str,
        introduction: Introduction,
        spool: Journal,
        *,
        keys: CurveKeys | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
        clock: Clock | None = None,
        write: Callable[[str], None] = lambda line: None,
    ) -> None:
        check_address(address, keys)
        self.counters, self._introduction, self._spool = LinkCounters(), introduction, spool
        self._address, self._keys, self._spool_bytes_max = address, keys, spool_bytes_max
        self._clock, self._process = clock or SystemClock(), secrets.token_hex(16)
        self._notices = Notices(write, self._clock)
        self._stream = read_stream(spool.folder)
        spool.truncate_before(first_of_stream(spool.folder))
        self._unsecured = 0  # connections in a row
        self.trouble = ""  # why the last session ended, empty while one lasts
        self._received: tuple[Publication, float] | None = None  # the newest weights, and when they came [s]
        self._refusal: str | None = None
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        _check_pending(spool, introduction.schema)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._deliver, name=f"link-{introduction.actor}", daemon=True)
        self._thread.start()

    # -- the actor's side: non-blocking, except where a timeout is given -----------------------------------------------

    @property
    def backlog(self) -> int:
        """Records that the learner has not acknowledged yet."""
        return len(self._spool)

    @property
    def next_sequence(self) -> int:
        """Number that the next record will have."""
        return self._spool.next_index

    def put(self, record: Record) -> int:
        """Number a record, write it to the spool and return its number; -1 when it was dropped (counted).

        Raises:
            SchemaMismatchError: arrays that differ from the schema.
            NonFiniteRecordError: NaN or infinity.
            HandshakeRefusedError: the learner has refused this actor.
        """
        self.check()
        if isinstance(record, StepRecord):
            check_step(record, self._introduction.schema)
        sequence = self._spool.next_index
        actor, run = self._introduction.actor, self._introduction.run
        numbered = dataclasses.replace(record, sequence=sequence, actor=actor, run=run)
        try:
            if self._spool.size_bytes > self._spool_bytes_max:
                self._spool.give_back()
            if self._spool.size_bytes > self._spool_bytes_max:
                raise OSError("the spool is full")
            self._spool.append(encode(numbered))
        except OSError as error:
            self.counters.dropped += 1
            self._notices.say(f"spool: records are dropped until there is room ({error})")
            return -1
        self.counters.put += 1
        self._wake()
        return sequence

    def latest_weights(self) -> tuple[int, dict[str, np.ndarray], float] | None:
        """Return (version, parameters, age [s]) of the newest publication, None before the first.

        A learner that resumed may publish a lower version than before: compare versions with `!=`.

        Raises:
            HandshakeRefusedError: the learner has refused this actor, so that no weights will ever come.
        """
        self.check()
        if self._received is None:
            return None
        publication, stamp_s = self._received
        return publication.version, publication.parameters, self._clock.now_s() - stamp_s

    def status(self) -> dict[str, float]:
        """Return backlog, what was lost and the space left, for metrics."""
        spool = self._spool
        return {
            "backlog": self.backlog,
            "dropped": self.counters.dropped,
            "spool_lost": spool.lost_records,
            "spool_mb": spool.size_bytes / 1e6,
            "disk_left_mb": spool.disk_left_bytes / 1e6,
        }

    def check(self) -> None:
        """Raise when the learner has refused this actor, or delivery has failed permanently.

        Raises:
            HandshakeRefusedError: with the learner's reason, which names both sides.
            RobotRLError: the spool cannot be read any more.
        """
        if self._refusal is not None:
            kept = (
                f" {self.backlog} records that are not delivered stay in {self._spool.folder}." if self.backlog else ""
            )
            raise HandshakeRefusedError(self._refusal + kept)
        if self._failure is not None:
            text = f"link: got {self._failure!r}, expected to deliver; restart the actor."
            raise RobotRLError(text) from self._failure

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put so far is acknowledged; return whether it is."""
        with self._changed:
            self._changed.wait_for(lambda: self.backlog == 0 or self._ended, timeout_s)
            return self.backlog == 0

    def close(self) -> None:
        """Close the link; unacknowledged records stay in the spool for the next process."""
        self._stopping.set()
        self._wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _ended(self) -> bool:
        """Whether delivery has ended permanently."""
        return self._refusal is not None or self._failure is not None

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the thread as well
            os.write(self._wake_write, b"\0")

    # -- the thread's side ---------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._run_session()
                except SessionLost as lost:
                    self._lose(str(lost))
                except OSError as error:  # out of descriptors; the spool's disk
                    self.trouble = f"no connection: {error}"
                    self._notices.say(f"link: {self.trouble}; this actor keeps its records and tries again")
                    self._stopping.wait(BUSY_S)
                except Busy as busy:
                    self.trouble = str(busy)
                    self._notices.say(f"link: the learner takes no records, this actor keeps them: {busy}")
                    self._stopping.wait(BUSY_S)
                except Behind as behind:
                    self._begin_stream(behind.stored)
                self._stopping.wait(RECONNECT_S)
        except Refused as refused:
            self._refusal = str(refused)
        except Exception as failure:  # `check` raises a thread's error in the actor
            self._failure = failure
        finally:
            self._notify()

    def _lose(self, reason: str) -> None:
        """Note why a session ended, and say so where a person has to act."""
        self.trouble = reason
        self._unsecured = self._unsecured + 1 if reason == HANDSHAKE_FAILED else 0
        if self._unsecured >= UNSECURED_MAX:
            self._notices.say(f"link: {reason}; this actor keeps its records and tries again")

    def _begin_stream(self, stored: int) -> None:
        """Begin another stream, without the records that the learner holds."""
        self._spool.truncate_before(stored)
        try:
            self._stream = new_stream(self._spool.folder, self._spool.first_index)
        except OSError:  # a full disk: the next process finds the old name, and begins another one as well
            self._stream = secrets.token_hex(16)
        self.counters.streams += 1
        self._notices.say("link: the learner holds records that this spool lost; its numbers begin another stream")

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run_session(self) -> None:
        """Run one session: send hello and records, receive acknowledgements and weights, until it breaks or we stop.

        Raises:
            SessionLost: the connection broke; a new session repeats what is lost.
            Refused: the learner refuses this actor.
        """
        place = (self._stream, self._process, self._spool.first_index, self._spool.next_index)
        hello = Hello(self._introduction, *place)
        connection = (self._address, self._keys, hello, self._spool, self.counters, self._clock, self._wake_read)
        with Session(*connection) as session:
            while not self._stopping.is_set():
                weights = session.turn()
                self.trouble = "" if session.welcomed else self.trouble
                if weights is not None:
                    self._take(weights)
                self._notify()

    def _take(self, data: bytes) -> None:
        try:
            publication: Publication | None = unpack_weights(data)
        except CorruptRecordError:
            publication = None
        if publication is None or publication.agent_hash != self._introduction.agent_hash:
            self.counters.corrupt += 1
            return
        self.counters.publications += 1
        self._received = publication, self._clock.now_s()


def _check_pending(spool: Journal, schema: StepSchema) -> None:
    """Check that what a spool has to deliver is of a schema: behind records of another one, none would be taken.

    Raises:
        SchemaMismatchError: it is not.
    """
    for _, parts in spool.read():
        with contextlib.suppress(CorruptRecordError, NonFiniteRecordError):  # the session and the learner see to it
            record = decode(parts)
            if not isinstance(record, StepRecord):
                continue
            try:
                check_step(record, schema)
            except SchemaMismatchError as error:
                raise SchemaMismatchError(
                    f"{spool.folder}: got records of another schema ({error}), expected this one's; deliver what is "
                    "left with the settings that made them, then move the folder away."
                ) from error
            return
