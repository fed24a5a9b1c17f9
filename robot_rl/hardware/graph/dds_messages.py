"""ROS messages without ROS: their classes, zeros, bytes and the types under which DDS knows them.

Definitions, CDR and type hashes come from rosbags; cyclonedds announces each type's name with an empty struct. ROS
compares names only. With fields, creating a topic is unsafe: cyclonedds 11 walks its table of the fields' types
without a lock while discovery changes it, which ends in SIGSEGV or in a refused topic.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from cyclonedds.idl import make_idl_struct
from rosbags.interfaces import Nodetype
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from robot_rl.core.errors import unknown_name

DISTRIBUTIONS = {"humble": Stores.ROS2_HUMBLE, "jazzy": Stores.ROS2_JAZZY, "kilted": Stores.ROS2_KILTED}

# Requests and replies of services, with the header that Cyclone's ROS middleware puts before them.
_HEADER, _REPLY = "uint64 client\nint64 number\n", "bool success\nstring message\n"
_SERVICES = {
    "std_srvs/msg/SetBool_Request": f"{_HEADER}bool data\n",
    "std_srvs/msg/SetBool_Response": _HEADER + _REPLY,
    "std_srvs/msg/Trigger_Request": f"{_HEADER}uint8 structure_needs_at_least_one_member\n",
    "std_srvs/msg/Trigger_Response": _HEADER + _REPLY,
}
_NUMPY = {"byte": "uint8", "char": "uint8"}


class MessageType(NamedTuple):
    """One message type for the wire."""

    name: str  # as in `ros2 interface show`
    make: Callable[[], Any]  # a message of zeros
    arrange: Callable[[Any], None]  # numbers of sequences become arrays, which rosbags asks for
    envelope: type[Any]  # what cyclonedds writes and takes
    hash: str  # RIHS01


class Envelope:
    """One message passed through cyclonedds, which calls `serialize` and `deserialize`.

    `message` is None for bytes that are not a whole message of the type, and for notices without data.
    """

    codec: Any = None  # these three are set on each type's class
    message_type = ""
    __idl__: Any = None

    def __init__(self, message: Any) -> None:
        self.message = message

    def serialize(self, buffer: Any = None, endianness: Any = None, use_version_2: bool | None = None) -> bytes:
        """Return CDR for any requested version: ROS reads no other."""
        return bytes(self.codec.serialize_cdr(self.message, self.message_type))

    @classmethod
    def deserialize(cls, data: bytes, has_header: bool = True, use_version_2: bool | None = None) -> Any:
        """Return the message, None for invalid bytes; never raises, to keep the reader's thread alive."""
        try:
            return cls(cls.codec.deserialize_cdr(memoryview(data), cls.message_type))
        except (SerdeError, AssertionError, IndexError):
            return cls(None)

    @classmethod
    def deserialize_key(cls, data: bytes, has_header: bool = True, use_version_2: bool | None = None) -> Any:
        """Return no keys: ROS types have none."""
        return cls(None)


@cache
def message_type(name: str, distribution: str = "jazzy") -> MessageType:
    """Return the type of a name, such as `geometry_msgs/msg/PoseStamped`.

    Raises:
        UnknownNameError: no such type, or no such distribution.
    """
    store = _store(distribution)
    if name not in store.fielddefs:
        raise unknown_name("message type", name, store.fielddefs)
    announced: Any = make_idl_struct("Announced", dds_name(name), fields={})
    members = {"codec": store, "message_type": name, "__idl__": announced.__idl__}
    envelope = type(name.rsplit("/", 1)[1], (Envelope,), members)
    return MessageType(name, _maker(store, name), _arranger(store, name), envelope, _hash(store, name))


def _hash(store: Typestore, name: str) -> str:
    """The type's hash; a service's is that of its messages without the middleware's header."""
    if name in _SERVICES:
        constants, fields = store.fielddefs[name]
        name = name.replace("/msg/", "/srv/")
        store.fielddefs[name] = constants, fields[2:]
    return store.hash_rihs01(name)


@cache
def _store(distribution: str) -> Typestore:
    if distribution not in DISTRIBUTIONS:
        raise unknown_name("ROS distribution", distribution, DISTRIBUTIONS)
    store = get_typestore(DISTRIBUTIONS[distribution])
    for name, text in _SERVICES.items():
        store.register(get_types_from_msg(text, name))
    return store


def _fields(store: Typestore, name: str) -> list[tuple[str, Any]]:
    """Return name and description (node type, argument) of each field."""
    return list(store.fielddefs[name][1])


def dds_name(name: str) -> str:
    """Return the type's name on the wire.

    Example:
        >>> dds_name("std_msgs/msg/Header")
        'std_msgs::msg::dds_::Header_'
    """
    package, _, kind = name.split("/")
    return f"{package}::{'srv' if name in _SERVICES else 'msg'}::dds_::{kind}_"


def _maker(store: Typestore, name: str) -> Callable[[], Any]:
    kind = store.types[name]
    makers = [_zero(store, description) for _, description in _fields(store, name)]
    return lambda: kind(*[make() for make in makers])


def _zero(store: Typestore, description: Any) -> Callable[[], Any]:
    kind, what = description
    if kind == Nodetype.NAME:
        return _maker(store, what)
    if kind == Nodetype.BASE:
        return {"string": str, "float32": float, "float64": float, "bool": bool}.get(what[0], int)
    (inner_kind, inner), length = what
    if kind == Nodetype.SEQUENCE:
        length = 0
    if inner_kind == Nodetype.BASE and inner[0] != "string":
        dtype = np.dtype(_NUMPY.get(inner[0], inner[0]))
        return lambda: np.zeros(length, dtype)
    make = _zero(store, (inner_kind, inner))
    return lambda: [make() for _ in range(length)]


def _arranger(store: Typestore, name: str) -> Callable[[Any], None]:
    """Convert the numeric sequences and arrays of a message, at any depth, to contiguous arrays of their type."""
    numbers, nested = [], []
    for field, (kind, what) in _fields(store, name):
        if kind == Nodetype.NAME:
            nested.append((field, _arranger(store, what), False))
        elif kind != Nodetype.BASE and what[0][0] == Nodetype.NAME:
            nested.append((field, _arranger(store, what[0][1]), True))
        elif kind != Nodetype.BASE and what[0][1][0] != "string":
            numbers.append((field, np.dtype(_NUMPY.get(what[0][1][0], what[0][1][0]))))
    nested = [entry for entry in nested if entry[1] is not _nothing_to_arrange]

    def arrange(message: Any) -> None:
        for field, dtype in numbers:
            setattr(message, field, np.ascontiguousarray(getattr(message, field), dtype).reshape(-1))
        for field, inner, many in nested:
            for part in getattr(message, field) if many else (getattr(message, field),):
                inner(part)

    return arrange if numbers or nested else _nothing_to_arrange


def _nothing_to_arrange(message: Any) -> None:
    """A message without sequences of numbers."""
