"""ROS discovery over plain DDS: `ros_discovery_info`, and a view of all writers."""

import threading
from typing import Any, NamedTuple

import numpy as np
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic as DdsTopic
from cyclonedds.util import duration

from robot_rl.hardware.graph.dds_messages import message_type

_INFO, _NODE, _GID = (f"rmw_dds_common/msg/{name}" for name in ("ParticipantEntitiesInfo", "NodeEntitiesInfo", "Gid"))
PARTICIPANT_QOS = Qos(Policy.Userdata(b"enclave=/;"))  # without it ROS does not list the participant as a node

# cyclonedds 11 converts every entity's qualities through buffers of the class: two threads that do it at once
# get each other's qualities, or a null pointer (SIGSEGV).
_CONVERSION = threading.Lock()


def take_builtin(reader: BuiltinDataReader, limit: int, condition: ReadCondition | None = None) -> list[Any]:
    """Return up to `limit` samples of a built-in topic. Any thread may call it, each with its own reader.

    Raises:
        DDSException: the reader is closed.
    """
    with _CONVERSION:
        return reader.take(limit, condition=condition)  # type: ignore[no-any-return]


def type_hash_data(type_hash: str) -> bytes:
    """Return an endpoint's user data with the hash of its ROS type."""
    return f"typehash={type_hash};".encode()


def _info_quality(type_hash: str, depth: int = 1) -> Qos:
    return Qos(
        Policy.Reliability.Reliable(duration(milliseconds=100)),
        Policy.Durability.TransientLocal,
        Policy.History.KeepLast(depth),
        Policy.Userdata(type_hash_data(type_hash)),
    )


class NodeInfo:
    """Announces the node of a participant's readers and writers on the ROS graph."""

    def __init__(self, participant: DomainParticipant, node: str, namespace: str, distribution: str) -> None:
        self._participant, self._node, self._namespace = participant, node, "/" + namespace.strip("/")
        self._info, self._entities, self._gid = (message_type(name, distribution) for name in (_INFO, _NODE, _GID))
        topic = DdsTopic(participant, "ros_discovery_info", self._info.envelope)
        self._writer = DataWriter(participant, topic, _info_quality(self._info.hash))
        self._gids: dict[str, list[Any]] = {"reader": [], "writer": []}
        self.announce()

    def add(self, reader: Any = None, writer: Any = None) -> None:
        """Add a reader or writer of the node."""
        for kind, entity in (("reader", reader), ("writer", writer)):
            if entity is not None:
                self._gids[kind].append(self._gid_of(entity))
        self.announce()

    def announce(self) -> None:
        """Publish all of it; late readers receive the last one."""
        entities, info = self._entities.make(), self._info.make()
        entities.node_namespace, entities.node_name = self._namespace, self._node
        entities.reader_gid_seq, entities.writer_gid_seq = self._gids["reader"], self._gids["writer"]
        info.gid, info.node_entities_info_seq = self._gid_of(self._participant), [entities]
        self._info.arrange(info)
        self._writer.write(self._info.envelope(info))

    def _gid_of(self, entity: Any) -> Any:
        gid = self._gid.make()
        own = np.frombuffer(entity.guid.bytes, np.uint8)
        gid.data = np.concatenate([own, np.zeros(len(gid.data) - len(own), np.uint8)])  # Humble's are longer
        return gid


class Writer(NamedTuple):
    """One writer seen on the graph."""

    topic: str
    type: str
    reliable: bool


class Writers:
    """All writers on the graph, including ours. Call `refresh` in one thread, the rest from any."""

    def __init__(self, participant: DomainParticipant, distribution: str) -> None:
        self._reader = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
        self.condition = ReadCondition(self._reader, ViewState.Any | InstanceState.Any | SampleState.NotRead)
        self._writers: dict[Any, Writer] = {}
        self._info = message_type(_INFO, distribution)
        topic = DdsTopic(participant, "ros_discovery_info", self._info.envelope)
        self._names = DataReader(participant, topic, _info_quality(self._info.hash, depth=100))
        self._nodes: dict[bytes, str] = {}  # of each writer

    def refresh(self) -> None:
        """Add new writers and remove closed ones."""
        while samples := take_builtin(self._reader, 16, self.condition):
            for sample in samples:
                if sample.sample_info.instance_state == InstanceState.Alive:
                    reliable = Policy.Reliability.BestEffort not in sample.qos
                    writer = Writer(sample.topic_name, sample.type_name, reliable)
                    self._writers = self._writers | {sample.key: writer}
                else:
                    self._writers = {key: writer for key, writer in self._writers.items() if key != sample.key}

    def of(self, topic: str) -> tuple[tuple[str, Writer], ...]:
        """Return the writers of a DDS topic, each with the name of its node."""
        found = [(key, writer) for key, writer in self._writers.items() if writer.topic == topic]
        if any(key.bytes not in self._nodes for key, _ in found):
            self._read_names()
        return tuple((self._nodes.get(key.bytes, "unknown"), writer) for key, writer in found)

    def _read_names(self) -> None:
        for envelope in self._names.take(100):
            for node in getattr(getattr(envelope, "message", None), "node_entities_info_seq", ()):
                name = f"{node.node_namespace.rstrip('/')}/{node.node_name}"
                self._nodes = self._nodes | {bytes(gid.data[:16]): name for gid in node.writer_gid_seq}
