"""Session: one connection of an actor to its learner."""

import os
from dataclasses import dataclass
from typing import Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from robot_rl.core.clock import Clock
from robot_rl.core.errors import CorruptRecordError
from robot_rl.transport.handshake import Hello, encode_hello
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import HEADER_BYTES_MAX, unpack
from robot_rl.transport.security import CurveKeys, Socket, host_of, secure_caller
from robot_rl.transport.weights import WEIGHTS_BYTES_MAX

WINDOW_RECORDS = 512  # sent and not yet acknowledged: a learner syncs four times a second
CHUNK_RECORDS = 64  # read from the spool at a time
TURN_MS = 200  # longest wait of one poll
SILENCE_S = 60.0  # a learner may compile for so long; a broken connection is detected at once


@dataclass
class LinkCounters:
    """Counts of a link since its creation."""

    put: int = 0  # accepted into the spool
    dropped: int = 0  # not accepted: the spool was full or the disk failed
    sent: int = 0  # including repeats
    acknowledged: int = 0
    sessions: int = 0  # connections that the learner welcomed
    publications: int = 0  # sets of weights received
    corrupt: int = 0  # publications that are unreadable or of another agent


class SessionLost(Exception):
    """The connection broke or timed out; a new session follows."""


class Refused(Exception):
    """The learner refused; the text is its reason."""


class Session:
    """A DEALER for records, a SUB for weights, and the progress of both sides.

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
        self._context: zmq.Context[Socket] = zmq.Context()
        self._welcomed = False
        self._next = hello.first_sequence  # to send
        self._received_s = clock.now_s()
        self._weights: Socket | None = None
        self._dealer = self._socket(zmq.DEALER, HEADER_BYTES_MAX)
        self._dealer.sndhwm = WINDOW_RECORDS
        self._monitor = self._dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
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
            Refused: the learner's reason.
        """
        self._send()
        events = dict(self._poller.poll(TURN_MS))
        if self._wake in events:
            os.read(self._wake, 4096)
        if self._dealer in events:
            self._listen()
        if self._monitor in events:
            recv_monitor_message(self._monitor, zmq.NOBLOCK)
            raise SessionLost("disconnected")
        if self._clock.now_s() - self._received_s > SILENCE_S and self._waiting():
            raise SessionLost("silent")
        return self._weights.recv() if self._weights is not None and self._weights in events else None

    def _waiting(self) -> bool:
        return not self._welcomed or self._next > self._spool.first_index

    def _send(self) -> None:
        """Send from the spool as far as the window and the socket allow."""
        while self._welcomed:
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
                try:
                    self._dealer.send_multipart([b"record", *parts], zmq.NOBLOCK)
                except zmq.Again:
                    return
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
            try:
                self._obey(kind, unpack(rest[0]) if rest else {})
            except (CorruptRecordError, KeyError, TypeError, ValueError) as error:
                raise SessionLost(f"answer of another protocol: {error}") from error

    def _obey(self, kind: bytes, answer: dict[str, object]) -> None:
        if kind == b"welcome":
            self._begin(_integer(answer["next_sequence"]), _integer(answer["weights_port"]))
        elif kind == b"ack":
            self._forget(_integer(answer["next_sequence"]))
        elif kind == b"refuse":
            raise Refused(str(answer["reason"]))
        elif kind == b"who":  # a learner that restarted behind the same connection
            raise SessionLost("the learner does not know this session")

    def _begin(self, next_sequence: int, weights_port: int) -> None:
        self._forget(next_sequence)
        self._next = max(next_sequence, self._spool.first_index)
        self._welcomed = True
        self._counters.sessions += 1
        if self._weights is None:
            self._weights = self._socket(zmq.SUB, WEIGHTS_BYTES_MAX)
            self._weights.conflate = True  # only the newest matters
            self._weights.subscribe(b"")
            self._weights.connect(f"tcp://{host_of(self._address)}:{weights_port}")
            self._poller.register(self._weights, zmq.POLLIN)

    def _forget(self, next_sequence: int) -> None:
        before = len(self._spool)
        self._spool.truncate_before(min(next_sequence, self._spool.next_index))
        self._counters.acknowledged += before - len(self._spool)

    def _socket(self, kind: int, message_bytes_max: int) -> Socket:
        socket = self._context.socket(kind)
        socket.maxmsgsize = message_bytes_max
        socket.heartbeat_ivl, socket.heartbeat_timeout = 2000, 10000
        socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 1000
        secure_caller(socket, self._keys)
        return socket


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"got {value!r}, expected an integer")
    return value
