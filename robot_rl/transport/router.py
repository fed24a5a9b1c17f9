"""Socket of a learner: messages of its actors with their origin, and answers that never wait."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import zmq

from robot_rl.core.errors import ConfigError
from robot_rl.transport.inflow import Inflow
from robot_rl.transport.keys import CurveKeys
from robot_rl.transport.messages import pack
from robot_rl.transport.security import (
    Admission,
    Socket,
    allow_host,
    check_address,
    detect_dead_peers,
    secure_listener,
)

QUEUED_MESSAGES_MAX = 64  # of one connection, while the learner is busy
PARTS_MAX = 3
_OF_ACTORS = (b"record", b"alive", b"weights-received")
"""Kinds of messages whose sender said hello before, unless the learner has forgotten it."""


@dataclass(frozen=True)
class Message:
    """One message of a connection."""

    route: bytes
    """Of the connection."""
    kind: bytes
    parts: list[bytes]
    address: str
    """Of the sender, as far as the system knows it; empty where the message is of an actor after its hello."""
    key: str
    """Public key of the sender of a hello; empty on a wire without keys."""
    key_name: str | None
    """Name that it is bound to; None on a wire without keys."""


class Router:
    """ROUTER socket with keys and bounds.

    Args:
        address: tcp://HOST:PORT; PORT may be * for any free one, see `address` afterwards.
        message_bytes_max: a connection that sends more at once is closed.

    Raises:
        ConfigError: an address beyond this machine without keys, or one that is taken.
    """

    def __init__(self, address: str, keys: CurveKeys | None, message_bytes_max: int) -> None:
        check_address(address, keys)
        self._context: zmq.Context[Socket] = zmq.Context()
        self._admission = Admission(self._context, keys)
        self._inflow: Inflow | None = None
        try:
            self._socket = self._listen(address, keys, message_bytes_max)
        except BaseException:
            self.close(linger_ms=0)
            raise
        endpoint = self._socket.get(zmq.LAST_ENDPOINT)
        self.address = endpoint.decode() if isinstance(endpoint, bytes) else str(endpoint)

    def _listen(self, address: str, keys: CurveKeys | None, message_bytes_max: int) -> Socket:
        socket = self._context.socket(zmq.ROUTER)
        socket.maxmsgsize, socket.rcvhwm = message_bytes_max, QUEUED_MESSAGES_MAX
        detect_dead_peers(socket)
        socket.router_mandatory = True  # a message to a connection that is gone fails instead of vanishing
        secure_listener(socket, keys)
        allow_host(socket, address)
        if sys.platform == "linux":
            self._inflow = Inflow(socket, QUEUED_MESSAGES_MAX, message_bytes_max)
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            raise ConfigError(f"address: got {address!r}, expected a free one ({error}); take another port.") from error
        return socket

    def events(self) -> list[str]:
        """Return lines since the last call: connections refused or ended, a key file that cannot be read."""
        self._admission.refresh()
        lines = [self._admission.events] if self._inflow is None else [self._admission.events, self._inflow.events]
        return [events.popleft() for events in lines for _ in range(len(events))]

    def admits(self, key: str) -> bool:
        """Return whether a connection's key is admitted still, or there are none."""
        return self._admission.name_of(key) != ""

    def poll(self, timeout_ms: int) -> bool:
        """Return whether there is a message, within a time."""
        return bool(self._socket.poll(timeout_ms))

    def receive(self, count: int) -> Iterator[Message]:
        """Yield the messages that are there, `count` at most; of one with too many parts, the first ones."""
        for _ in range(count):
            try:
                route, *frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if self._inflow is not None:
                self._inflow.add(frames)
            kind, *parts = [frame.bytes for frame in frames[: PARTS_MAX + 1]] or [b""]
            address = key = ""
            if kind not in _OF_ACTORS:
                address, key = (_metadata(frames[0], name) for name in ("Peer-Address", "User-Id"))
            yield Message(route.bytes, kind, parts, address, key, self._admission.name_of(key))

    def answer(self, route: bytes, kind: bytes, value: Mapping[str, object]) -> bool:
        """Send an answer; return whether the connection exists and takes it."""
        return self.send([route, kind, pack(value)])

    def send(self, message: list[bytes]) -> bool:
        """Send a message without waiting; return whether the connection exists and takes it."""
        try:
            self._socket.send_multipart(message, zmq.NOBLOCK)
        except zmq.ZMQError:  # no such connection, or one that does not read
            return False
        return True

    def close(self, linger_ms: int = 300) -> None:
        """Close the socket once its last answers are sent."""
        if self._inflow is not None:
            self._inflow.close()
        self._admission.close()
        self._context.destroy(linger=linger_ms)


def _metadata(frame: zmq.Frame, name: str) -> str:
    try:
        return str(frame.get(name))
    except zmq.ZMQError:  # none: a connection that is closed, or one without a key
        return ""
