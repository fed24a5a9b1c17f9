"""A Franka Hand at its wire (TCP and UDP of port 1338), for the vendor's real libraries.

Sources: libfranka-common (research_interface/gripper/types.h: commands, replies, state); franka_ros#281 (a move that
meets something blocks for about 100 s), libfranka#93 (a grasp of what is held waits, then fails), libfranka#111 (stop
does not always stop a move), franka_ros#276 (without homing the largest width is 0, and commands fail).
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

PORT, VERSION = 1338, 3
CONNECT, HOMING, GRASP, MOVE, STOP = range(5)
SUCCESS, FAIL, UNSUCCESSFUL, ABORTED = range(4)
HEADER = struct.Struct("<HII")
WIDTH_MAX_M, HOMING_S, OVERHEAD_S, BLOCKED_S = 0.08, 0.4, 0.15, 100.0  # homing takes some 8 s on the real one


class FrankaHandModel:
    """The hand; `object_m` is the size of something between its fingers, `stop_works` whether a stop ends a move."""

    def __init__(self, homed: bool = True) -> None:
        self.width_m, self.width_max_m = 0.06, WIDTH_MAX_M if homed else 0.0
        self.object_m, self.stop_works, self.grasped, self.silent, self.jammed = 0.0, True, False, False, False
        self.commands: list[tuple[int, tuple[float, ...]]] = []
        self.busy = threading.Lock()
        self._stop = threading.Event()

    def run(self, command: int, values: tuple[float, ...]) -> int:
        """Carry out one command in its real time; return its status."""
        self.commands.append((command, values))
        if command == STOP:
            if self.stop_works or not self.busy.locked():
                self.grasped = False
                self._stop.set()
            return SUCCESS
        if not self.busy.acquire(blocking=False):
            return FAIL
        try:
            self._stop.clear()
            return {HOMING: self._home, GRASP: self._grasp, MOVE: self._move}[command](*values)
        finally:
            self.busy.release()

    def _home(self) -> int:
        self._stop.wait(HOMING_S)
        self.width_max_m = WIDTH_MAX_M
        return SUCCESS

    def _travel(self, width_m: float, speed_m_s: float) -> bool:
        """Move; return whether nothing but a stop ended it."""
        self._stop.wait(OVERHEAD_S)
        before_s = time.monotonic()
        while abs(self.width_m - width_m) > 1e-9 and not self._stop.is_set():
            now_s = time.monotonic()
            step, before_s = speed_m_s * (now_s - before_s), now_s
            goal = max(width_m, self.object_m) if width_m < self.width_m else width_m
            if abs(goal - self.width_m) < 1e-9:
                return True
            self.width_m += 0.0 if self.jammed else min(max(goal - self.width_m, -step), step)
            self._stop.wait(0.002)
        return not self._stop.is_set()

    def _move(self, width_m: float, speed_m_s: float) -> int:
        if not 0.0 <= width_m <= self.width_max_m + 1e-6:
            return FAIL
        self.grasped = False
        if not self._travel(width_m, speed_m_s):
            return ABORTED
        if abs(self.width_m - width_m) > 1e-9 and self._stop.wait(BLOCKED_S):
            return ABORTED
        return SUCCESS if abs(self.width_m - width_m) < 1e-9 else UNSUCCESSFUL

    def _grasp(self, width_m: float, inner_m: float, outer_m: float, speed_m_s: float, force_n: float) -> int:
        if self.width_max_m == 0.0:
            return FAIL
        if self.grasped:
            self._stop.wait(BLOCKED_S)
            return FAIL
        if not self._travel(width_m, speed_m_s):
            return ABORTED
        self.grasped = width_m - inner_m < self.width_m < width_m + outer_m
        return SUCCESS if self.grasped else UNSUCCESSFUL


@contextlib.contextmanager
def hand_server(hand: FrankaHandModel, address: str) -> Iterator[None]:
    """The hand's server at a loopback address, for one client after the other."""
    with socket.create_server((address, PORT)) as listening:
        listening.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    client, (host, _) = listening.accept()
                    with client:
                        client.settimeout(0.02)
                        _serve(hand, client, host, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            hand._stop.set()
            thread.join()


def _serve(hand: FrankaHandModel, client: socket.socket, host: str, over: threading.Event) -> None:
    buffer, udp_port, number, lock = b"", 0, 0, threading.Lock()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as states:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                data = client.recv(4096)
                if not data:
                    return
                buffer += data
            while len(buffer) >= HEADER.size and len(buffer) >= (size := HEADER.unpack_from(buffer)[2]):
                frame, buffer = buffer[:size], buffer[size:]
                command, command_id, _ = HEADER.unpack_from(frame)
                payload = frame[HEADER.size :]
                if command == CONNECT:
                    udp_port = struct.unpack("<HH", payload)[1]
                    _reply(client, lock, command, command_id, struct.pack("<HH", SUCCESS, VERSION))
                else:
                    values = struct.unpack(f"<{len(payload) // 8}d", payload)
                    arguments = (hand, client, lock, command, command_id, values)
                    threading.Thread(target=_run, args=arguments, daemon=True).start()
            if udp_port and not hand.silent:
                number += 1
                state = struct.pack("<Idd?H", number, hand.width_m, hand.width_max_m, hand.grasped, 30)
                states.sendto(state, (host, udp_port))


def _run(
    hand: FrankaHandModel, client: socket.socket, lock: threading.Lock, command: int, number: int, values: tuple
) -> None:
    _reply(client, lock, command, number, struct.pack("<H", hand.run(command, values)))


def _reply(client: socket.socket, lock: threading.Lock, command: int, number: int, payload: bytes) -> None:
    with lock, contextlib.suppress(OSError):
        client.sendall(HEADER.pack(command, number, HEADER.size + len(payload)) + payload)
