"""Learner's end of the wire: stores each record once, acknowledges it when it is durable, publishes weights."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import zmq

from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.errors import ConfigError, CorruptRecordError, SchemaMismatchError
from robot_rl.core.records import Record, StepRecord, check_step
from robot_rl.transport.handshake import Hello, Introduction, decode_hello, refusal
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import BODY_BYTES_MAX, HEADER_BYTES_MAX, decode, pack
from robot_rl.transport.security import Admission, CurveKeys, Socket, check_address, host_of, secure_listener
from robot_rl.transport.weights import pack_weights

POLL_MESSAGES_MAX = 1024  # handled in one call of `poll`, so that a flood does not starve the learner

Stream = tuple[str, str]  # (actor, run)


@dataclass
class ServerCounters:
    """Counts of received messages since the start."""

    records: int = 0  # new and stored
    duplicates: int = 0  # stored before, acknowledged again
    out_of_order: int = 0  # ahead of a gap; the actor sends them again
    gaps: int = 0  # records missing from every spool
    refused: int = 0  # incompatible actors, or records that contradict the hello
    unknown: int = 0  # messages of connections without a hello
    recovered: int = 0  # read back from the journal
    syncs: int = 0
    publications: int = 0


@dataclass
class _Stream:
    """Progress of one (actor, run)."""

    expected: int  # sequence of the next record
    route: bytes = b""  # newest connection; empty before the first
    dirty: bool = False  # something to acknowledge
    seen_s: float = 0.0


class LearnerServer:
    """ROUTER for records and XPUB for weights, driven by `poll` from one thread.

    Args:
        address: tcp://HOST:PORT; PORT may be * for any free one, see `address` afterwards.
        journal: stores every accepted record; read it back with `recover` before the first `poll`.
        keys: CURVE keys, required beyond loopback.
        sync_every_s: longest time between receiving a record and syncing and acknowledging it.

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
    ) -> None:
        check_address(address, keys)
        self.counters, self._journal, self._introduction = ServerCounters(), journal, introduction
        self._clock, self._sync_every_s, self._synced_s = clock or SystemClock(), sync_every_s, 0.0
        self._streams: dict[Stream, _Stream] = {}
        self._routes: dict[bytes, Stream] = {}
        self._latest: bytes | None = None
        self._recovered = False
        self._context: zmq.Context[Socket] = zmq.Context()
        self._admission = Admission(self._context, keys)
        try:
            self._router = self._listen(zmq.ROUTER, address, keys, HEADER_BYTES_MAX + BODY_BYTES_MAX)
            self._weights = self._listen(zmq.XPUB, f"tcp://{host_of(address)}:*", keys, 1024)
        except BaseException:
            self._admission.close()
            self._context.destroy(linger=0)
            raise
        self.address = _endpoint(self._router)
        self._weights_port = int(_endpoint(self._weights).rpartition(":")[2])
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._weights, zmq.POLLIN)

    # -- records ---------------------------------------------------------------------------------------------------

    def recover(self) -> Iterator[Record]:
        """Yield the journal's records in order and restore the progress of each actor from them.

        Raises:
            SchemaMismatchError: the journal was written for another schema.
        """
        self._recovered = True
        for _, parts in self._journal.read():
            record = decode(parts)
            self._check(record)
            self._stream((record.actor, record.run), 0).expected = record.sequence + 1
            self.counters.recovered += 1
            yield record

    def poll(self, timeout_s: float = 0.0) -> list[Record]:
        """Return the new records in order; wait at most `timeout_s` for the first.

        Records are in the journal when they are returned, and acknowledged once they are on the disk itself.
        """
        if not self._recovered:
            for _ in self.recover():
                pass
        deadline_s = self._clock.now_s() + timeout_s
        while True:
            wait_s = max(0.0, min(deadline_s - self._clock.now_s(), self._until_sync_s()))
            events = dict(self._poller.poll(math.ceil(1000 * wait_s)))
            records = self._drain() if self._router in events else []
            if self._weights in events:
                self._greet_subscribers()
            if self._until_sync_s() <= 0.0:
                self.sync()
            if records or self._clock.now_s() >= deadline_s:
                return records

    def sync(self) -> None:
        """Sync received records to disk and acknowledge them."""
        self._journal.sync()
        self._synced_s = self._clock.now_s()
        self.counters.syncs += 1
        for stream in self._streams.values():
            if stream.dirty and stream.route:
                self._answer(stream.route, b"ack", {"next_sequence": stream.expected})
            stream.dirty = False

    def actors(self) -> dict[Stream, float]:
        """Return the seconds since the last message of each actor."""
        now_s = self._clock.now_s()
        return {name: now_s - stream.seen_s for name, stream in self._streams.items() if stream.route}

    def close(self) -> None:
        """Acknowledge stored records and close the sockets; the journal stays open."""
        self.sync()
        self._admission.close()
        self._context.destroy(linger=300)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- weights ---------------------------------------------------------------------------------------------------

    def publish_weights(self, version: int, parameters: Mapping[str, np.ndarray]) -> None:
        """Send the policy's parameters to every actor; those that join later get the latest at once."""
        self._latest = pack_weights(version, self._introduction.agent_hash, parameters)
        self.counters.publications += 1
        self._weights.send(self._latest)

    def _greet_subscribers(self) -> None:
        joined = False
        while self._weights.poll(0):
            joined |= self._weights.recv()[:1] == b"\x01"
        if joined and self._latest is not None:
            self._weights.send(self._latest)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _listen(self, kind: int, address: str, keys: CurveKeys | None, message_bytes_max: int) -> Socket:
        socket = self._context.socket(kind)
        socket.maxmsgsize = message_bytes_max
        socket.heartbeat_ivl, socket.heartbeat_timeout = 2000, 10000
        if kind == zmq.XPUB:
            socket.xpub_verbose = True  # reports every subscriber, not only the first
            socket.sndhwm = 4
        secure_listener(socket, keys)
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise ConfigError(f"address: got {address!r}, expected a free one ({error}); take another port.") from error
        return socket

    def _until_sync_s(self) -> float:
        if not any(stream.dirty for stream in self._streams.values()):
            return float("inf")
        return self._synced_s + self._sync_every_s - self._clock.now_s()

    def _drain(self) -> list[Record]:
        records = []
        for _ in range(POLL_MESSAGES_MAX):
            if not self._router.poll(0):
                break
            route, *parts = self._router.recv_multipart()
            record = self._handle(route, parts)
            if record is not None:
                records.append(record)
        return records

    def _handle(self, route: bytes, parts: list[bytes]) -> Record | None:
        """Handle one message; return its record when that is new."""
        try:
            if parts[:1] == [b"hello"] and len(parts) == 2:
                self._welcome(route, decode_hello(parts[1]))
            elif parts[:1] == [b"record"] and route in self._routes:
                return self._accept(route, parts[1:])
            else:
                self.counters.unknown += 1
                self._answer(route, b"who", {})
        except (CorruptRecordError, SchemaMismatchError) as error:
            self._refuse(route, str(error))
        return None

    def _welcome(self, route: bytes, hello: Hello) -> None:
        name = (hello.introduction.actor, hello.introduction.run)
        known = self._streams.get(name)
        reason = refusal(self._introduction, hello, None if known is None else known.expected)
        if reason is not None:
            self._refuse(route, reason)
            return
        stream = self._stream(name, hello.first_sequence)
        self.counters.gaps += max(0, hello.first_sequence - stream.expected)
        stream.expected = max(stream.expected, hello.first_sequence)
        self._routes.pop(stream.route, None)
        self._routes[route], stream.route, stream.seen_s = name, route, self._clock.now_s()
        self._journal.sync()  # a welcome acknowledges: records that it counts must be on disk
        self._answer(route, b"welcome", {"next_sequence": stream.expected, "weights_port": self._weights_port})

    def _accept(self, route: bytes, parts: list[bytes]) -> Record | None:
        record = decode(parts)
        stream = self._streams[self._routes[route]]
        if (record.actor, record.run) != self._routes[route]:
            raise CorruptRecordError(f"record: got actor {record.actor!r}, expected {self._routes[route][0]!r}.")
        stream.dirty, stream.seen_s = True, self._clock.now_s()
        if record.sequence != stream.expected:
            self.counters.duplicates += record.sequence < stream.expected
            self.counters.out_of_order += record.sequence > stream.expected
            return None
        self._check(record)
        self._journal.append(parts)
        stream.expected += 1
        self.counters.records += 1
        return record

    def _check(self, record: Record) -> None:
        if isinstance(record, StepRecord):
            check_step(record, self._introduction.schema)

    def _stream(self, name: Stream, first: int) -> _Stream:
        return self._streams.setdefault(name, _Stream(first))

    def _refuse(self, route: bytes, reason: str) -> None:
        self.counters.refused += 1
        self._routes.pop(route, None)
        self._answer(route, b"refuse", {"reason": reason})

    def _answer(self, route: bytes, kind: bytes, value: dict[str, object]) -> None:
        self._router.send_multipart([route, kind, pack(value)])


def _endpoint(socket: Socket) -> str:
    """Return the address that a socket is bound to, its port resolved."""
    endpoint = socket.get(zmq.LAST_ENDPOINT)
    return endpoint.decode() if isinstance(endpoint, bytes) else str(endpoint)
