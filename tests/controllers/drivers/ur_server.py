"""A UR e-Series arm on the loopback wire, for the real ur-rtde: dashboard, RTDE, and what its script does.

The script is not interpreted. What it does with a command was read in the wheel (1.6.5): a direct torque acts until the
next one, for ever; the watchdog ends the script when no input arrives; every other command is answered `done`, and
`ready` once the sender has taken its command back. Physics: each joint is a mass on a damper.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from tests.controllers.drivers.ur_kinematics import tcp_pose

DASHBOARD_PORT, SCRIPT_PORT, RTDE_PORT = 29999, 30003, 30004
CYCLE_S = 0.002
SLOW = 20.0  # the arm lives in slow motion: a busy machine that keeps the sender waiting is not a dead sender
READY, DONE = 1, 2  # of the script, in output_int_register_0
STOP_J, SET_WATCHDOG, DIRECT_TORQUE, STOP_SCRIPT = 34, 35, 66, 255
PLAYING, STOPPED = 2, 1  # runtime_state
INERTIA, DRAG = 0.5, 2.0  # [kg m^2, N m s/rad]

_TYPES = {
    "VECTOR6D": (
        "target_q target_qd target_qdd target_current target_moment actual_q actual_qd actual_current "
        "joint_control_output actual_TCP_pose actual_TCP_speed actual_TCP_force target_TCP_pose target_TCP_speed "
        "joint_temperatures actual_joint_voltage actual_current_as_torque ft_raw_wrench payload_inertia "
        "external_force_torque"
    ),
    "VECTOR3D": "actual_tool_accelerometer payload_cog",
    "VECTOR6INT32": "joint_mode",
    "INT32": "robot_mode safety_mode",
    "UINT32": "runtime_state robot_status_bits safety_status_bits speed_slider_mask",
    "UINT64": "actual_digital_input_bits actual_digital_output_bits",
    "UINT8": (
        "standard_digital_output_mask configurable_digital_output_mask standard_digital_output "
        "configurable_digital_output tool_digital_output_mask tool_digital_output standard_analog_output_mask "
        "standard_analog_output_type"
    ),
}
_FORMATS = {
    "VECTOR6D": "6d", "VECTOR3D": "3d", "VECTOR6INT32": "6i", "INT32": "i", "UINT32": "I", "UINT64": "Q", "UINT8": "B",
    "DOUBLE": "d",
}  # fmt: skip


def type_of(name: str) -> str:
    """RTDE's type of a variable."""
    for kind, names in _TYPES.items():
        if name in names.split():
            return kind
    return "INT32" if "_int_register_" in name else "DOUBLE"


def layout(kinds: list[str]) -> struct.Struct:
    """The fields of a data package, in network order."""
    return struct.Struct(">" + "".join(_FORMATS[kind] for kind in kinds))


@cache
def nothing(name: str) -> tuple[float, ...]:
    """Return the zeros of a variable."""
    kind = layout([type_of(name)])
    return tuple(kind.unpack(bytes(kind.size)))


@dataclass
class Arm:
    """What the server knows; one lock for all of it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    time_s: float = 100.0
    q: list[float] = field(default_factory=lambda: [0.1, -1.4, 1.5, -1.7, -1.5, 0.2])
    dq: list[float] = field(default_factory=lambda: [0.0] * 6)
    safety_mode: int = 1
    script: bool = False
    uploads: int = 0
    torque: list[float] | None = None
    answer: int = READY
    inputs: dict[str, float] = field(default_factory=dict)
    fed_s: float = 0.0
    watchdog_s: float = float("inf")
    period_s: float = SLOW * CYCLE_S
    cable: bool = True

    def upload(self) -> None:
        """The script arrives and starts."""
        with self.lock:
            self.script = self.safety_mode == 1
            self.uploads += 1
            self.torque, self.answer, self.watchdog_s = None, READY, float("inf")

    def take(self, values: dict[str, float]) -> None:
        """Inputs arrive; the script looks at its command."""
        if not self.cable:
            return
        with self.lock:
            self.inputs |= values
            self.fed_s = self.time_s
            if self.script:
                self._obey(int(self._input("int", 0)))

    def _input(self, kind: str, number: int) -> float:
        return self.inputs.get(f"input_{kind}_register_{number}", 0.0)

    def _obey(self, command: int) -> None:
        if command == DIRECT_TORQUE:
            self.torque = [self._input("double", joint) for joint in range(6)]
        elif command in (STOP_J, STOP_SCRIPT):
            self.torque = None
        elif command == SET_WATCHDOG:
            self.watchdog_s = 1.0 / self._input("double", 0)
        self.script = command != STOP_SCRIPT
        self.answer = READY if command in (0, DIRECT_TORQUE) else DONE

    def cycle(self) -> None:
        """2 ms pass."""
        with self.lock:
            self.time_s += CYCLE_S
            if self.time_s - self.fed_s > self.watchdog_s or self.safety_mode != 1:
                self.script, self.torque = False, None
            for joint in range(6):
                pull = self.torque[joint] - DRAG * self.dq[joint] if self.torque else 0.0
                self.dq[joint] = self.dq[joint] + pull / INERTIA * CYCLE_S if self.torque else 0.0
                self.q[joint] += self.dq[joint] * CYCLE_S

    def values(self, names: list[str]) -> list[float]:
        """The numbers of output variables; zero where the double has none."""
        known: dict[str, tuple[float, ...]] = {
            "timestamp": (self.time_s,),
            "actual_q": tuple(self.q),
            "actual_qd": tuple(self.dq),
            "actual_TCP_pose": tuple(tcp_pose("ur5e", np.array(self.q))),
            "robot_mode": (7,),
            "safety_mode": (self.safety_mode,),
            "runtime_state": (PLAYING if self.script else STOPPED,),
            "robot_status_bits": (1 + 2 * self.script,),
            "safety_status_bits": (1 if self.safety_mode == 1 else 4,),
            "output_int_register_0": (self.answer,),
        }
        return [number for name in names for number in known.get(name, nothing(name))]


class UrServer:
    """The three services of an arm, each client in a thread of its own."""

    def __init__(self, address: str, version: tuple[int, int] = (5, 26), arm: Arm | None = None) -> None:
        self.arm, self.version = arm or Arm(), version
        self.script = b""  # as it was uploaded
        self.asked: list[str] = []  # of the dashboard
        self._address, self._over = address, threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "UrServer":
        for port, serve in ((DASHBOARD_PORT, self._dashboard), (SCRIPT_PORT, self._script), (RTDE_PORT, self._rtde)):
            self._start(self._serve, socket.create_server((self._address, port)), port, serve)
        self._start(self._cycle)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self, listening: socket.socket, port: int, serve: object) -> None:
        """Accept clients while the cable is plugged; without it the ports are closed, where a real arm is silent."""
        self._accept(listening, serve)
        while not self._over.wait(0.02):
            if self.arm.cable:
                self._accept(socket.create_server((self._address, port)), serve)

    def _accept(self, listening: socket.socket, serve: object) -> None:
        listening.settimeout(0.1)
        with listening:
            while self.arm.cable and not self._over.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = listening.accept()
                    client.settimeout(0.1)
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or states arrive in lumps of 40 ms
                    self._start(self._guarded, client, serve)

    def _guarded(self, client: socket.socket, serve: object) -> None:
        with client, contextlib.suppress(ConnectionError, OSError):
            serve(client)  # type: ignore[operator]

    def _cycle(self) -> None:
        while not self._over.is_set():
            time.sleep(self.arm.period_s)
            self.arm.cycle()

    def _dashboard(self, client: socket.socket) -> None:
        answers = {
            "PolyscopeVersion": "URSoftware {}.{}.0.1234567 (Jan 01 2026)".format(*self.version),
            "get robot model": "UR5",
            "get serial number": "20265500001",
            "is in remote control": "true",
            "close safety popup": "closing safety popup",
            "unlock protective stop": "Protective stop releasing",
            "stop": "Stopped",
        }
        client.sendall(b"Connected: Universal Robots Dashboard Server\n")
        for line in self._lines(client):
            if line == "unlock protective stop":
                self.arm.safety_mode = 1
            elif line == "stop":
                self.arm.script, self.arm.torque = False, None
            self.asked.append(line)
            client.sendall((answers.get(line, f"could not understand: '{line}'") + "\n").encode())

    def _lines(self, client: socket.socket) -> Iterator[str]:
        text = b""
        for part in self._parts(client):
            *whole, text = (text + part).split(b"\n")
            yield from (line.decode().strip() for line in whole)

    def _parts(self, client: socket.socket) -> Iterator[bytes]:
        while not self._over.is_set():
            if not self.arm.cable:
                time.sleep(0.02)
                continue
            with contextlib.suppress(TimeoutError):
                part = client.recv(65536)
                if not part:
                    return
                yield part

    def _script(self, client: socket.socket) -> None:
        text = b""
        for part in self._parts(client):
            text += part
            if text.rstrip().endswith(b"end"):
                self.arm.upload()
                self.script, text = text, b""

    def _rtde(self, client: socket.socket) -> None:
        outputs: list[str] = []
        recipes: list[list[str]] = []
        for kind, body in self._packages(client):
            if kind == "U":
                self._take(recipes[body[0] - 1], body[1:])
                continue
            if kind == "O":
                outputs = body[8:].decode().rstrip(",").split(",")
                reply = b"\x01" + ",".join(map(type_of, outputs)).encode()
            elif kind == "I":
                recipes.append(body.decode().rstrip(",").split(","))
                reply = bytes([len(recipes)]) + ",".join(map(type_of, recipes[-1])).encode()
            else:
                reply = struct.pack(">IIII", *self.version, 0, 1234567) if kind == "v" else b"\x01"
            client.sendall(struct.pack(">HB", 3 + len(reply), ord(kind)) + reply)
            if kind == "S":
                self._start(self._guarded_stream, client, outputs)

    def _packages(self, client: socket.socket) -> Iterator[tuple[str, bytes]]:
        data = b""
        for part in self._parts(client):
            data += part
            while len(data) >= 3 and len(data) >= (size := struct.unpack(">H", data[:2])[0]):
                yield chr(data[2]), data[3:size]
                data = data[size:]

    def _take(self, names: list[str], body: bytes) -> None:
        values = layout([type_of(name) for name in names]).unpack(body)
        self.arm.take(dict(zip(names, values, strict=True)))  # the driver's commands use plain registers only

    def _guarded_stream(self, client: socket.socket, outputs: list[str]) -> None:
        package = layout([type_of(name) for name in outputs])
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                with self.arm.lock:
                    values = self.arm.values(outputs)
                if self.arm.cable:
                    client.sendall(struct.pack(">HBB", 4 + package.size, ord("U"), 1) + package.pack(*values))
                time.sleep(self.arm.period_s)
