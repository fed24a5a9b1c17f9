"""What makes a plain DDS participant a ROS node: `ros_discovery_info`, and a view of who else writes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.topic import Topic as DdsTopic
from cyclonedds.util import duration

from robot_rl.hardware.graph.dds_messages import message_type

_INFO, _NODE, _GID = (f"rmw_dds_common/msg/{name}" for name in ("ParticipantEntitiesInfo", "NodeEntitiesInfo", "Gid"))
PARTICIPANT_QOS = Qos(Policy.Userdata(b"enclave=/;"))  # without it ROS takes a participant for a stranger


def type_hash_data(type_hash: str) -> bytes:
    """User data of an endpoint that tells ROS its type's hash."""
    return f"typehash={type_hash};".encode()


class NodeInfo:
    """Tells the ROS graph which node the readers and writers of a participant belong to."""

    def __init__(self, participant: DomainParticipant, node: str, namespace: str, distribution: str) -> None:
        self._participant, self._node, self._namespace = participant, node, "/" + namespace.strip("/")
        self._info, self._entities, self._gid = (message_type(name, distribution) for name in (_INFO, _NODE, _GID))
        topic = DdsTopic(participant, "ros_discovery_info", self._info.envelope)
        quality = Qos(
            Policy.Reliability.Reliable(duration(milliseconds=100)),
            Policy.Durability.TransientLocal,
            Policy.History.KeepLast(1),
            Policy.Userdata(type_hash_data(self._info.hash)),
        )
        self._writer = DataWriter(participant, topic, quality)
        self._gids: dict[str, list[Any]] = {"reader": [], "writer": []}
        self.announce()

    def add(self, reader: Any = None, writer: Any = None) -> None:
        """A new reader or writer of the node."""
        for kind, entity in (("reader", reader), ("writer", writer)):
            if entity is not None:
                self._gids[kind].append(self._gid_of(entity))
        self.announce()

    def announce(self) -> None:
        """Publish the whole of it; late listeners get the last one."""
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


class Writers:
    """All writers on the graph, ours included. `refresh` in one thread; the rest from any."""

    def __init__(self, participant: DomainParticipant) -> None:
        self._reader = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
        self.condition = ReadCondition(self._reader, ViewState.Any | InstanceState.Any | SampleState.NotRead)
        self._writers: dict[Any, Writer] = {}

    def refresh(self) -> None:
        """Take in who came and who left."""
        while samples := self._reader.take(16, condition=self.condition):
            for sample in samples:
                if sample.sample_info.instance_state == InstanceState.Alive:
                    self._writers = self._writers | {sample.key: Writer(sample.topic_name, sample.type_name)}
                else:
                    self._writers = {key: writer for key, writer in self._writers.items() if key != sample.key}

    def types_of(self, topic: str) -> tuple[str, ...]:
        """The type that each writer of a DDS topic names."""
        return tuple(writer.type for writer in self._writers.values() if writer.topic == topic)
