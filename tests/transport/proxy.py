"""TCP proxy with the faults of a network: cuts, delay, throttling, loss, an old connection's bytes after the new one's.

TCP repairs single packets; what it cannot repair is what a sender believes to be sent when its connection ends. So
`lossy` takes bytes and delivers none of them, `cut_late` delivers those of a connection whose sender has another one.
"""

import contextlib
import queue
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

CHUNK_BYTES = 16_384
RESET = struct.pack("ii", 1, 0)
Change = Callable[[bytes], bytes]


class Proxy:
    """Listener that forwards each connection to a target; its faults may be set at any time.

    Args:
        target: tcp://HOST:PORT, which may change while no connection is needed.
    """

    def __init__(self, target: str) -> None:
        self.target, self.delay_s, self.bytes_per_s, self.lossy = target, 0.0, float("inf"), False
        self.change: Change = bytes
        """Damage to the bytes of both directions."""
        self.carried = self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._sockets: list[socket.socket] = []
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with contextlib.suppress(OSError):  # a closed listener's `accept` goes on otherwise
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for side in self._sockets:
            _reset(side)

    def heal(self) -> None:
        """End all faults; connections stay, damaged ones, too."""
        self.delay_s, self.bytes_per_s, self.lossy, self.change = 0.0, float("inf"), False, bytes

    def cut(self) -> None:
        """End all connections at both sides; what is under way is lost."""
        for pair in self._taken():
            for side in pair:
                _reset(side)

    def cut_late(self) -> None:
        """End all connections at the caller's side; what is under way still reaches the other side."""
        for caller, _ in self._taken():
            _reset(caller)

    def _taken(self) -> list[tuple[socket.socket, socket.socket]]:
        pairs, self._pairs = self._pairs, []
        return pairs

    def _accept(self) -> None:
        while not self._closed:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            host, _, port = self.target.removeprefix("tcp://").partition(":")
            try:
                listener = socket.create_connection((host, int(port)), timeout=5.0)
            except OSError:  # it is away
                _reset(caller)
                continue
            listener.settimeout(None)
            self._pairs.append((caller, listener))
            self._sockets += [caller, listener]
            for source, sink in ((caller, listener), (listener, caller)):
                chunks: queue.Queue[tuple[float, bytes]] = queue.Queue()
                threading.Thread(target=self._take, args=(source, chunks), daemon=True).start()
                threading.Thread(target=self._give, args=(sink, chunks), daemon=True).start()

    def _take(self, source: socket.socket, chunks: "queue.Queue[tuple[float, bytes]]") -> None:
        """Receive chunks; each has the moment from which it may go on."""
        data = b"-"
        while data:
            try:
                data = source.recv(CHUNK_BYTES)
            except OSError:
                data = b""
            if self.lossy and data:
                self.lost += len(data)
                continue
            time.sleep(len(data) / self.bytes_per_s)
            chunks.put((time.monotonic() + self.delay_s * random.uniform(0.5, 1.5), data))

    def _give(self, sink: socket.socket, chunks: "queue.Queue[tuple[float, bytes]]") -> None:
        """Forward chunks in order; the end is forwarded, too."""
        while data := self._next(chunks):
            try:
                sink.sendall(data)
            except OSError:
                break
            self.carried += len(data)
        _reset(sink)

    def _next(self, chunks: "queue.Queue[tuple[float, bytes]]") -> bytes:
        due_s, data = chunks.get()
        time.sleep(max(0.0, due_s - time.monotonic()))
        return data and (self.change(data) or b"\0")


def _reset(side: socket.socket) -> None:
    """End a connection without a farewell."""
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        side.shutdown(socket.SHUT_RDWR)
    side.close()


def damage(rng: random.Random) -> Change:
    """Return a change that loses bytes of a stream, repeats or exchanges them, or flips one, at one chunk in ten."""

    def change(data: bytes) -> bytes:
        if rng.random() < 0.9:
            return data
        place, size = rng.randrange(len(data)), rng.randrange(1, 200)
        before, part, after = data[:place], data[place : place + size], data[place + size :]
        flipped = before + bytes([data[place] ^ 1]) + data[place + 1 :]
        exchanged = before + after[:size] + part + after[size:]
        return rng.choice((before + after, before + part + part + after, exchanged, flipped))

    return change
