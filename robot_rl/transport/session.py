"""Session: one connection of an actor to its learner."""

import contextlib
import os
from typing import Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from robot_rl.core.clock import Clock
from robot_rl.core.errors import CorruptRecordError
from robot_rl.transport.counters import LinkCounters
from robot_rl.transport.handshake import Hello, encode_hello
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import CurveKeys, fingerprint
from robot_rl.transport.messages import checksum_of, unpack
from robot_rl.transport.security import Socket, allow_host, detect_dead_peers, secure_caller
from robot_rl.transport.weights import WEIGHTS_BYTES_MAX

WINDOW_RECORDS = 512  # sent and not yet acknowledged: a learner syncs four times a second
CHUNK_RECORDS = 64  # read from the spool at a time
QUEUED_ANSWERS_MAX = 64
TURN_MS = 200  # longest wait of one poll
SYNC_EVERY_S = 0.25
DESCRIPTORS_MIN = 24
"""Free ones that are enough for a session: a context and its sockets."""
SILENCE_S = 60.0  # a learner may compile for so long; a broken connection is detected at once

HANDSHAKE_FAILED = (
    "the connection ends before it is secured: keys on one side alone, keys of another learner, or none listens there"
)
_WATCHED = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
)


class SessionLost(Exception):
    """The connection broke or timed out; a new session follows."""


class Busy(Exception):
    """The learner cannot store records at present; the text is its reason."""


class Refused(Exception):
    """The learner refused; the text is its reason."""


class Behind(Exception):
    """The learner holds records that this spool has lost, or others under their numbers: a new stream must begin.

    Args:
        stored: the spool's records before this one are stored at the learner.
    """

    def __init__(self, stored: int) -> None:
        super().__init__(f"the learner holds the spool's records before {stored}, and others")
        self.stored = stored


class Session:
    """A DEALER for records and weights, and the progress of both sides.

    A new session uses new sockets: messages queued in an old one would arrive out of order.

    Args:
        wake: file descriptor that becomes readable when the spool has grown.
    """

    def __init__(
        self,
        address: str,
        keys: CurveKeys | None,
        hello: Hello,
        spool: Journal,
        counters: LinkCounters,
        clock: Clock,
        wake: int,
    ) -> None:
        self._address, self._keys, self._spool = address, keys, spool
        self._counters, self._clock, self._wake = counters, clock, wake
        _check_descriptors()
        self._context: zmq.Context[Socket] = zmq.Context()
        self.welcomed = False
        self._next = hello.first_sequence  # to send
        self._known = hello.next_sequence  # records that the learner may hold when it welcomes
        self._received_s = self._synced_s = clock.now_s()
        self._synced = hello.first_sequence  # records before this one outlive a power cut
        self._weights: bytes | None = None
        self._dealer = self._socket()
        self._monitor = self._dealer.get_monitor_socket(_WATCHED)
        self._poller = zmq.Poller()
        for watched in (self._dealer, self._monitor, wake):
            self._poller.register(watched, zmq.POLLIN)
        self._dealer.connect(address)
        self._dealer.send_multipart([b"hello", encode_hello(hello)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._dealer.disable_monitor()
        self._context.destroy(linger=0)

    def turn(self) -> bytes | None:
        """Send what the window allows, wait for messages, handle them; return new weights.

        Raises:
            SessionLost: broken, unknown to the learner, or silent for too long with records outstanding.
            Refused, Busy: the learner's reason.
            Behind: the learner is ahead of the spool.
        """
        self._sync_spool()
        self._send()
        events = dict(self._poller.poll(TURN_MS))
        if self._wake in events:
            os.read(self._wake, 4096)
        if self._dealer in events:
            self._listen()
        if self._monitor in events:
            self._end(recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"])
        if self._clock.now_s() - self._received_s > SILENCE_S and self._waiting():
            raise SessionLost("silent")
        weights, self._weights = self._weights, None
        return weights

    def _end(self, event: int) -> None:
        """Raise what ends a session whose connection ended."""
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            public = "" if self._keys is None else fingerprint(self._keys.public)
            raise Refused(
                f"keys: got {public or 'no key'}, which the learner at {self._address} does not admit, expected one "
                "that it does; `robot-rl keys list` shows them there, `robot-rl keys add` makes another one."
            )
        raise SessionLost("disconnected" if event == zmq.EVENT_DISCONNECTED else HANDSHAKE_FAILED)

    def _sync_spool(self) -> None:
        """Put the spool on the disk, a few times a second: a power cut costs no more than that."""
        now_s, grown = self._clock.now_s(), self._spool.next_index
        if grown > self._synced and now_s - self._synced_s >= SYNC_EVERY_S:
            with contextlib.suppress(OSError):  # `put` finds out and counts
                self._spool.sync()
            self._synced, self._synced_s = grown, now_s

    def _waiting(self) -> bool:
        return not self.welcomed or self._next > self._spool.first_index

    def _send(self) -> None:
        """Send from the spool as far as the window and the socket allow."""
        while self.welcomed:
            if self._spool.present(self._next) != self._next:
                self._skip_lost()
                return
            room = self._spool.first_index + WINDOW_RECORDS - self._next
            room = min(room, CHUNK_RECORDS, self._spool.next_index - self._next)
            if room <= 0:
                return
            if not self._waiting():
                self._received_s = self._clock.now_s()  # start of the time-out
            for index, parts in self._spool.read(self._next, room):
                if index != self._next:
                    break
                self._dealer.send_multipart([b"record", *parts], zmq.NOBLOCK)
                self._next, self._counters.sent = index + 1, self._counters.sent + 1

    def _skip_lost(self) -> None:
        """Skip records that the spool has lost, once those before them are acknowledged.

        Raises:
            SessionLost: so that the next session announces where the spool continues.
        """
        if self._spool.first_index >= self._next:
            self._spool.truncate_before(self._spool.present(self._next))
            raise SessionLost("the spool lost records")

    def _listen(self) -> None:
        while self._dealer.poll(0):
            kind, *rest = self._dealer.recv_multipart()
            self._received_s = self._clock.now_s()
            if kind == b"weights" and len(rest) == 1:
                self._weights = rest[0]
                self._sign(b"weights-received")
                continue
            try:
                self._obey(kind, unpack(rest[0]) if rest else {})
            except (CorruptRecordError, KeyError, TypeError, ValueError) as error:
                raise SessionLost(f"answer of another protocol: {error}") from error

    def _sign(self, kind: bytes) -> None:
        self._dealer.send(kind, zmq.NOBLOCK)

    def _obey(self, kind: bytes, answer: dict[str, object]) -> None:
        match kind:
            case b"welcome":
                self._begin(_integer(answer["next_sequence"]), answer["checksum"])
            case b"ack":
                self._forget(_integer(answer["next_sequence"]))
            case b"alive?":
                self._sign(b"alive")
            case b"refuse":
                raise Refused(str(answer["reason"]))
            case b"behind":
                raise Behind(self._stored(answer["checksums"]))
            case b"busy":
                raise Busy(str(answer["reason"]))
            case b"who":  # a learner that restarted behind the same connection
                raise SessionLost("the learner does not know this session")

    def _begin(self, next_sequence: int, checksum: object) -> None:
        """Continue where the learner is.

        Raises:
            Behind: its last record is not the one of this spool.
            ValueError: it holds records that were never announced, or does not show its last one's checksum.
        """
        if next_sequence > self._known:
            raise ValueError(f"next_sequence: got {next_sequence}, expected {self._known} or less")
        for _, parts in self._spool.read(next_sequence - 1, 1) if next_sequence > self._spool.first_index else ():
            if checksum is None:
                raise ValueError("checksum: got none, expected that of the last record")
            if checksum_of(parts) != checksum:
                raise Behind(self._spool.first_index)
        self._next = max(next_sequence, self._spool.first_index)
        self._forget(next_sequence)
        self.welcomed = True
        self._counters.sessions += 1

    def _stored(self, checksums: object) -> int:
        """Return before which record everything is stored, by the checksums of the learner's last records up to here.

        Where none is equal, nothing counts as stored: records may arrive twice then, but none is lost.
        """
        if not isinstance(checksums, list):
            raise TypeError(f"got {checksums!r}, expected checksums")
        stored, first = self._spool.first_index, self._known - len(checksums)
        for index, parts in self._spool.read(first, len(checksums)):
            if index < self._known and checksum_of(parts) == checksums[index - first]:
                stored = index + 1
        return stored

    def _forget(self, next_sequence: int) -> None:
        """Drop acknowledged records; a disk that gives no space back, as a read-only one, ends no session.

        Raises:
            ValueError: an acknowledgement of records that were not sent.
        """
        if next_sequence > self._next:
            raise ValueError(f"acknowledgement: got {next_sequence}, expected {self._next} or less")
        self._counters.acknowledged += max(0, next_sequence - self._spool.first_index)
        with contextlib.suppress(OSError):
            self._spool.truncate_before(next_sequence)

    def _socket(self) -> Socket:
        socket = self._context.socket(zmq.DEALER)
        socket.maxmsgsize, socket.rcvhwm = WEIGHTS_BYTES_MAX, QUEUED_ANSWERS_MAX
        socket.sndhwm = 0  # the window is the bound
        detect_dead_peers(socket)
        socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 1000
        secure_caller(socket, self._keys)
        allow_host(socket, self._address)
        return socket


def _check_descriptors() -> None:
    """Check that a context and its sockets get their descriptors: ZeroMQ ends the process where they do not.

    Raises:
        OSError: too few are free.
    """
    free: list[int] = []
    try:
        for _ in range(DESCRIPTORS_MIN):
            free.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    finally:
        for descriptor in free:
            os.close(descriptor)


def _integer(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"got {value!r}, expected a count")
    return value
