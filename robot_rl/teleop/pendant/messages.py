"""The pendant's messages, version 1 (firmware/PROTOCOL.md): frozen dataclasses to payloads and back."""

import struct
from dataclasses import astuple, dataclass, fields
from enum import IntEnum, IntFlag
from typing import ClassVar

from robot_rl.core.errors import CorruptRecordError, HandshakeRefusedError

VERSION = 1
_HEADER = struct.Struct("<BBH")  # version, type, sequence


class Input(IntFlag):
    """Debounced contacts; set means closed."""

    DEADMAN_HALF = 0x01
    DEADMAN_FULL = 0x02
    ESTOP_A = 0x04
    ESTOP_B = 0x08
    SUCCESS = 0x10
    FAILURE = 0x20
    UNDO = 0x40
    MIRROR = 0x80  # closed while the relay is open


class Output(IntFlag):
    """Outputs of the device."""

    RELAY = 0x01
    GREEN = 0x02
    RED = 0x04
    BUZZER = 0x08


class Deadman(IntEnum):
    """Position of the grip."""

    RELEASED = 0
    HELD = 1
    SQUEEZED = 2


class Flag(IntFlag):
    """Conditions of the device."""

    RELAY_CLOSED = 0x01
    ENGAGED = 0x02
    SESSION = 0x04
    HEARTBEAT = 0x08
    STUCK = 0x10
    PROVED = 0x20


class Cause(IntFlag):
    """Why the relay is open, or opened."""

    ESTOP = 0x01
    DISCREPANCY = 0x02
    SQUEEZED = 0x04
    HEARTBEAT = 0x08
    FAULT = 0x10
    COMMAND = 0x20


class Fault(IntFlag):
    """Faults latched over a restart until they are cleared."""

    DISCREPANCY = 0x01
    DEADMAN = 0x02
    RELAY = 0x04
    WATCHDOG = 0x08
    STORAGE = 0x10


class Event(IntEnum):
    """Events of the buttons."""

    NONE = 0
    SUCCESS = 1
    FAILURE = 2
    UNDO = 3
    REARM = 4


class Status(IntEnum):
    """Status in the reply to a command."""

    OK = 0
    BAD_TOKEN = 1
    DEADMAN_PRESSED = 2
    STOP_PRESENT = 3
    FAULT_PRESENT = 4
    NO_SESSION = 5
    STORAGE_FAILED = 6


class Restart(IntEnum):
    """Cause of the device's restart."""

    POWER = 0
    BROWNOUT = 1
    WATCHDOG = 2


@dataclass(frozen=True, slots=True)
class Hello:
    """Open a session; a nonce not used before."""

    TYPE: ClassVar[int] = 0x01
    BODY: ClassVar[str] = "<I"
    nonce: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Heartbeat of the host; `echo_ms` is the newest device time it has received."""

    TYPE: ClassVar[int] = 0x02
    BODY: ClassVar[str] = "<IB"
    echo_ms: int
    cue: int = 0  # 0 none, 1 chirp, 2 two chirps, 3 long


@dataclass(frozen=True, slots=True)
class Arm:
    """Close the relay; quotes the device's present token."""

    TYPE: ClassVar[int] = 0x03
    BODY: ClassVar[str] = "<H"
    token: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Clear latched faults; quotes the device's present token."""

    TYPE: ClassVar[int] = 0x04
    BODY: ClassVar[str] = "<H"
    token: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Open the relay."""

    TYPE: ClassVar[int] = 0x05
    BODY: ClassVar[str] = "<"


@dataclass(frozen=True, slots=True)
class Query:
    """Send the counters."""

    TYPE: ClassVar[int] = 0x06
    BODY: ClassVar[str] = "<"


@dataclass(frozen=True, slots=True)
class Welcome:
    """A session began, or was requested again."""

    TYPE: ClassVar[int] = 0x81
    BODY: ClassVar[str] = "<IIHHBBBB"
    nonce: int
    time_ms: int
    boots: int
    heartbeat_ms: int
    major: int
    minor: int
    patch: int
    restart: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything about the device now."""

    TYPE: ClassVar[int] = 0x82
    BODY: ClassVar[str] = "<IHHBBBBBBBBI"
    time_ms: int
    host_sequence: int
    token: int
    inputs: int
    outputs: int
    deadman: int
    flags: int
    causes: int
    opened_by: int
    faults: int
    event_count: int
    events: int

    @property
    def relay_closed(self) -> bool:
        """Whether the robot may move."""
        return bool(self.flags & Flag.RELAY_CLOSED)

    @property
    def engaged(self) -> bool:
        """Whether the dead-man is held."""
        return bool(self.flags & Flag.ENGAGED)


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of a command."""

    TYPE: ClassVar[int] = 0x83
    BODY: ClassVar[str] = "<BBH"
    command: int
    status: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Counters:
    """Everything that the device dropped, refused or did not expect, since its start."""

    TYPE: ClassVar[int] = 0x84
    BODY: ClassVar[str] = "<17I"
    accepted: int
    lost: int
    bad_crc: int
    bad_code: int
    too_long: int
    bad_version: int
    bad_type: int
    replayed: int
    flooded: int
    stale: int
    no_session: int
    refused: int
    receive_overruns: int
    send_dropped: int
    bounces: int
    presses_ignored: int
    late_ticks: int


HostMessage = Hello | Heartbeat | Arm | Clear | Stop | Query
DeviceMessage = Welcome | State | Reply | Counters
DEVICE_MESSAGES: dict[int, type[DeviceMessage]] = {kind.TYPE: kind for kind in (Welcome, State, Reply, Counters)}
HOST_MESSAGES: dict[int, type[HostMessage]] = {kind.TYPE: kind for kind in (Hello, Heartbeat, Arm, Clear, Stop, Query)}


def write_message(message: HostMessage | DeviceMessage, sequence: int) -> bytes:
    """Return the payload of a message."""
    values = astuple(message) if fields(message) else ()
    return _HEADER.pack(VERSION, message.TYPE, sequence) + struct.pack(message.BODY, *values)


def read_device_message(payload: bytes) -> tuple[int, DeviceMessage]:
    """Return sequence and message of a payload from the device.

    Raises:
        HandshakeRefusedError: the device has another version of the protocol.
        CorruptRecordError: an unknown type, or a body of another length.
    """
    sequence, message = read_message(payload, DEVICE_MESSAGES)
    assert isinstance(message, Welcome | State | Reply | Counters)
    return sequence, message


def read_message(
    payload: bytes, kinds: dict[int, type[HostMessage]] | dict[int, type[DeviceMessage]]
) -> tuple[int, HostMessage | DeviceMessage]:
    """Return sequence and message of a payload that holds one of `kinds`; as `read_device_message` otherwise."""
    if len(payload) < _HEADER.size:
        raise CorruptRecordError(f"message: got {len(payload)} bytes, expected {_HEADER.size} or more; it is dropped.")
    version, number, sequence = _HEADER.unpack_from(payload)
    if version != VERSION:
        raise HandshakeRefusedError(
            f"pendant's protocol: got version {version}, expected {VERSION}; install the firmware of this release."
        )
    kind = kinds.get(number)
    body = payload[_HEADER.size :]
    if kind is None or len(body) != struct.calcsize(kind.BODY):
        raise CorruptRecordError(f"message of type 0x{number:02x}: got {len(body)} bytes, expected a known type whole.")
    return sequence, kind(*struct.unpack(kind.BODY, body))
