"""Guard of a listener's memory: ends connections that send a message without an end.

ZeroMQ collects the parts of a message before it hands out any, and bounds their size, not their number. What a
connection has sent, by the system's count, and has not become whole messages, lies in memory. Its queue holds a bounded
number of messages: more than these can be is a message that does not end. Parts of no bytes take 30 times the memory of
what is sent: there the growth of the process tells. A thread of its own looks, since a learner may compile for a
minute. An honest actor that is ended in error connects again and loses nothing.
"""

import contextlib
import ctypes
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import zmq
from zmq.utils.monitor import recv_monitor_message

from robot_rl.transport.messages import IMAGES_BYTES_MAX
from robot_rl.transport.security import Socket

LOOK_MS = 50
MB = 1 << 20
SYSTEM_BYTES = 16 * MB
"""Most bytes that the system itself holds of a connection."""
ALL_BYTES_MAX = 1024 * MB
"""Of all connections together; beyond, the one with the most ends."""
IMAGES_BYTES = MB
"""Compressed images of a record, as long as no larger one came."""
FEW_BYTES = MB
GROWTH_BYTES = 128 * MB
"""Growth of the process, beside four times what a connection has under way, from which on it ends."""
FRAME_BYTES = 64
"""More than ZeroMQ and CURVE add to a part."""
_RECEIVED = struct.Struct("Q"), 128
"""`tcpi_bytes_received` of linux/tcp.h, and its place."""
T = TypeVar("T")


@dataclass
class Flow:
    """One connection."""

    arrived: int = 0
    """Bytes of its whole messages, at least."""
    largest: int = 0
    """Of these messages."""
    seen: int = 0
    """Value of `arrived` at the last look."""
    received: int = 0
    """What the system had received of it at the last look."""
    process_bytes: int = 0
    """Memory of this process when little was under way."""
    ended: bool = False


class Inflow:
    """What the connections of a listener have sent, and what of it arrived as whole messages.

    Args:
        listener: socket of ZeroMQ; not bound yet, so that no connection is missed.
        queued_max: whole messages of a connection that may lie in its queue.
        message_bytes_max: longest part of a message.
    """

    def __init__(self, listener: Socket, queued_max: int, message_bytes_max: int) -> None:
        self.events: deque[str] = deque(maxlen=100)
        """Connections that were ended, for the log."""
        self._queued_max, self._one = queued_max + 2, SYSTEM_BYTES + 2 * message_bytes_max
        self._usual = message_bytes_max - IMAGES_BYTES_MAX + IMAGES_BYTES
        self._flows: dict[int, Flow] = {}
        self._listener, self._stopping, self._process = listener, threading.Event(), _Process()
        self._monitor = listener.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._thread = threading.Thread(target=self._watch, name="inflow", daemon=True)
        self._thread.start()

    def add(self, frames: Sequence[zmq.Frame]) -> None:
        """Count a whole message."""
        with contextlib.suppress(zmq.ZMQError, ValueError, IndexError):  # of a connection that is gone
            if flow := self._flows.get(int(frames[0].get(zmq.SRCFD))):
                size = sum(map(len, frames)) + FRAME_BYTES * len(frames)
                flow.arrived += size
                flow.largest = max(flow.largest, size)

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()
        self._listener.disable_monitor()
        self._process.close()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            if self._monitor.poll(LOOK_MS):
                event = recv_monitor_message(self._monitor)
                flow = self._flows.pop(event["value"], None)
                self._stopping.wait(LOOK_MS / 1000)
                if flow is not None and flow.ended:
                    _give_back()
                if event["event"] == zmq.EVENT_ACCEPTED:
                    self._flows[event["value"]] = Flow(process_bytes=self._process.bytes())
            self._look()

    def _look(self) -> None:
        """End the connections that have more under way than they may."""
        process_bytes, pending = self._process.bytes(), dict[int, int]()
        for descriptor, flow in list(self._flows.items()):
            received = _on(descriptor, _bytes_received)
            if received is None:
                continue
            grown, flow.received = received > flow.received, received
            flow.arrived = min(flow.arrived, received)  # parts that were smaller than assumed give no credit
            size = pending[descriptor] = received - flow.arrived
            if size < FEW_BYTES or flow.arrived != flow.seen:
                flow.process_bytes, flow.seen = process_bytes, flow.arrived
            one_too_many = size > self._one + self._queued_max * max(self._usual, flow.largest)
            growth = process_bytes - flow.process_bytes
            if one_too_many or (grown and growth > GROWTH_BYTES + 4 * size):
                self._end(descriptor, f"got {size / MB:.1f} MB of a message that does not end")
                del pending[descriptor]
        while (total := sum(pending.values())) > ALL_BYTES_MAX:
            most = max(pending, key=lambda descriptor: pending[descriptor])
            self._end(most, f"got {total >> 20} MB of all connections that are no whole messages, the most of it here")
            del pending[most]

    def _end(self, descriptor: int, why: str) -> None:
        if address := _on(descriptor, _shut):
            self._flows[descriptor].ended = True
            self.events.append(f"connection from {address}: {why}; it was ended")


def _on(descriptor: int, act: Callable[[socket.socket], T]) -> T | None:
    """Return what a call does with a connection of ZeroMQ; None where it has ended. It needs no free descriptor."""
    with contextlib.suppress(OSError):
        connection = socket.socket(fileno=descriptor)
        try:
            return act(connection)
        finally:
            connection.detach()
    return None


def _bytes_received(connection: socket.socket) -> int:
    form, place = _RECEIVED
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, place + form.size)
    return int(form.unpack_from(info, place)[0]) if len(info) >= place + form.size else 0


def _shut(connection: socket.socket) -> str:
    host, port = connection.getpeername()[:2]
    connection.shutdown(socket.SHUT_RDWR)
    return f"{host}:{port}"


def _give_back() -> None:
    """Give memory that was freed back to the system, so that the next growth shows."""
    with contextlib.suppress(AttributeError, OSError):  # not the GNU C library
        ctypes.CDLL(None).malloc_trim(0)


class _Process:
    """Memory of this process, read through a descriptor that stays open: later there may be none free."""

    def __init__(self) -> None:
        self._file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def bytes(self) -> int:
        return int(os.pread(self._file, 256, 0).split()[1]) * os.sysconf("SC_PAGESIZE")

    def close(self) -> None:
        os.close(self._file)
