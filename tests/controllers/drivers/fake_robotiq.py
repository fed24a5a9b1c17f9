"""A Robotiq 2F-85 at its wires: its registers with real motion times, behind the URCap's socket and behind Modbus RTU.

Sources: the gripper's instruction manual (registers 1000 and 2000, gOBJ, gSTA, activation that opens and closes once);
robotiq/grippers (20 to 150 mm/s, stroke 85 mm, the open fingers at 3 and the closed ones at 230); ur_rtde's
documentation and Robotiq's forum (lines of the socket, `ack` without a line feed).
"""

import contextlib
import os
import pty
import socket
import struct
import threading
import time
import tty
from collections.abc import Iterator

OPEN, CLOSED, COUNTS_PER_M = 3, 230, (230 - 3) / 0.085
ACTIVATION_S = 0.3  # some 3 s on the real one, cut so that the suite stays quick
ECHO_S = 0.03  # from a request to its echo in the status: some cycles of the tool's bus


class Robotiq2F:
    """The gripper; `object_count` is the position register at which an object stops closing fingers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.act = self.gto = self.position_request = self.speed = self.force = 0
        self.fault, self.object_count, self.jammed, self.silent = 0, 255, False, False
        self.requests: list[tuple[int, int, int]] = []
        self.halts = self.activations = 0
        self._activated_s = time.monotonic()
        self._from, self._since_s, self._echo = float(OPEN), time.monotonic(), 0

    def write(self, act: int, gto: int, position: int, speed: int, force: int) -> None:
        """Take all command registers, as one write of Modbus does."""
        now_s = time.monotonic()
        if act and not self.act:
            self._activated_s, self.fault = now_s + ACTIVATION_S, 0
            self.activations += 1
        self._from, self._echo, self._since_s = self.position(), self.echo(), now_s
        self.act, self.gto = act, gto
        self.position_request, self.speed, self.force = position, speed, force
        if gto:
            self.requests.append((position, speed, force))
        elif act:
            self.halts += 1

    def activation(self) -> int:
        return 0 if not self.act else 3 if time.monotonic() >= self._activated_s else 1

    def echo(self) -> int:
        return self.position_request if time.monotonic() > self._since_s + ECHO_S else self._echo

    def position(self) -> float:
        if not self.gto or self.jammed:
            return self._from
        rate = COUNTS_PER_M * (0.020 + self.speed / 255 * 0.130)
        way, end = rate * (time.monotonic() - self._since_s), self._end()
        return min(self._from + way, end) if end > self._from else max(self._from - way, end)

    def _end(self) -> float:
        return max(OPEN, min(self.position_request, CLOSED, max(self.object_count, self._from)))

    def object(self) -> int:
        """gOBJ: what it says of the request that it has echoed."""
        if self.echo() != self.position_request:
            return 3
        if self.position() != self._end() or self.jammed:
            return 0
        reached = min(max(self.position_request, OPEN), CLOSED) == self._end()
        return 3 if reached else 2


@contextlib.contextmanager
def urcap(gripper: Robotiq2F, address: str = "127.0.0.1") -> Iterator[int]:
    """The URCap's server; yields its port."""
    with socket.create_server((address, 0)) as listening:
        listening.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    client, _ = listening.accept()
                    with client:
                        client.settimeout(0.05)
                        _lines(gripper, client, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


def _lines(gripper: Robotiq2F, client: socket.socket, over: threading.Event) -> None:
    buffer = b""
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            data = client.recv(256)
            if not data:
                return
            buffer += data
        while b"\n" in buffer and not gripper.silent:
            line, _, buffer = buffer.partition(b"\n")
            client.sendall(_answer(gripper, line.decode().split()))


def _answer(gripper: Robotiq2F, words: list[str]) -> bytes:
    with gripper.lock:
        if words[0] == "GET":
            values = {
                "STA": gripper.activation(), "OBJ": gripper.object(), "FLT": gripper.fault, "PRE": gripper.echo(),
                "POS": round(gripper.position()), "GTO": gripper.gto, "ACT": gripper.act,
            }  # fmt: skip
            return f"{words[1]} {values[words[1]]}\n".encode()
        given = {name: int(value) for name, value in zip(words[1::2], words[2::2], strict=True)}
        gripper.write(
            given.get("ACT", gripper.act), given.get("GTO", gripper.gto), given.get("POS", gripper.position_request),
            given.get("SPE", gripper.speed), given.get("FOR", gripper.force),
        )  # fmt: skip
        return b"ack"


@contextlib.contextmanager
def serial_line(gripper: Robotiq2F, slave: int = 9) -> Iterator[str]:
    """A serial port with the gripper behind it; yields the port's path."""
    master, port = pty.openpty()
    tty.setraw(port)
    over = threading.Event()
    os.set_blocking(master, False)

    def serve() -> None:
        buffer = b""
        while not over.is_set():
            with contextlib.suppress(BlockingIOError):
                buffer += os.read(master, 256)
            size = 8 if buffer[1:2] == b"\x03" else 9 + buffer[6] if len(buffer) > 6 else 256
            if len(buffer) >= size:
                frame, buffer = buffer[:size], buffer[size:]
                if not gripper.silent and frame[0] == slave and _crc(frame[:-2]) == frame[-2:]:
                    with gripper.lock:
                        os.write(master, _reply(gripper, frame))
            time.sleep(0.001)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(port)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(port)


def _reply(gripper: Robotiq2F, frame: bytes) -> bytes:
    address, count = struct.unpack(">HH", frame[2:6])
    if frame[1] == 3:
        assert (address, count) == (2000, 3)
        flags = gripper.act | gripper.gto << 3 | gripper.activation() << 4 | gripper.object() << 6
        data = bytes([flags, 0, gripper.fault, gripper.echo(), round(gripper.position()), 0])
        reply = frame[:2] + bytes([len(data)]) + data
    else:
        assert (frame[1], address, count) == (16, 1000, 3)
        flags, _, _, position, speed, force = frame[7:13]
        gripper.write(flags & 1, flags >> 3 & 1, position, speed, force)
        reply = frame[:6]
    return reply + _crc(reply)


def _crc(frame: bytes) -> bytes:
    """Modbus' CRC-16."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return struct.pack("<H", crc)
