"""Channel between the program that acts and the page's process: ZeroMQ over Unix sockets in a folder of their own.

Neither side ever waits for the other. What the acting side sends while the other one is late is dropped.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zmq
import zmq.asyncio

QUEUE_MAX = 8
"""Messages that wait for the page's process."""
INPUT_QUEUE_MAX = 1000
"""Messages that wait for the program that acts, whose thread takes them at once."""
BYTES_MAX = 1 << 25
VIEW, LAST, DEVICE, IMAGE, NOTE = b"view", b"last", b"device", b"image", b"note"
"""Kinds of a message to the page's process: a step, the last step once more, the input's state, an image, a note."""


class ViewSender:
    """Sender of one thread of the acting side."""

    def __init__(self, folder: Path) -> None:
        self._socket = _socket(zmq.Context.instance(), zmq.PUSH, QUEUE_MAX)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing waits for a process that starts again
        self._socket.connect(_address(folder, "view"))

    def send(self, kind: bytes, content: dict[str, Any]) -> None:
        """Send what JSON holds."""
        self._put([kind, json.dumps(content).encode()])

    def send_image(self, name: str, image: np.ndarray) -> None:
        """Send an image (H, W, 3) uint8, which nothing may change afterwards."""
        head = json.dumps({"name": name, "shape": image.shape}).encode()
        self._put([IMAGE, head, np.ascontiguousarray(image).data.cast("B")])

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _put(self, parts: list[bytes | memoryview]) -> None:
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK, copy=False)  # ZeroMQ copies short parts all the same
        except zmq.Again:
            return


class InputReceiver:
    """Receiver of the page's messages, for one thread of the acting side."""

    def __init__(self, folder: Path) -> None:
        self._socket = _socket(zmq.Context.instance(), zmq.PULL, INPUT_QUEUE_MAX)
        self._socket.connect(_address(folder, "input"))

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next message; None when none comes within `timeout_s`."""
        if not self._socket.poll(round(1e3 * timeout_s)):
            return None
        return bytes(self._socket.recv())

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class PageEnd:
    """The page's end, in an event loop."""

    def __init__(self, folder: Path) -> None:
        context = zmq.asyncio.Context.instance()
        self._views = _socket(context, zmq.PULL, QUEUE_MAX)
        self._views.bind(_address(folder, "view"))
        self._inputs = _socket(context, zmq.PUSH, INPUT_QUEUE_MAX)
        self._inputs.bind(_address(folder, "input"))

    async def receive(self) -> list[bytes]:
        """Return the parts of the next message."""
        parts: list[bytes] = await self._views.recv_multipart()
        return parts

    def send(self, message: bytes) -> None:
        """Send a message to the program that acts."""
        future = self._inputs.send(message, zmq.NOBLOCK)
        future.add_done_callback(lambda done: done.exception())  # full: the program stands still, silence stops it

    def close(self) -> None:
        """Close the sockets."""
        self._views.close()
        self._inputs.close()


def _socket(context: Any, kind: int, queue: int) -> Any:
    socket = context.socket(kind)
    socket.set_hwm(queue)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, BYTES_MAX)
    return socket


def _address(folder: Path, name: str) -> str:
    return f"ipc://{folder / name}"
