"""A `Wire` over plain Cyclone DDS, compatible with ROS nodes without a ROS installation.

Topic `/a/b` is `rt/a/b`, its type `pkg::msg::dds_::Type_`, serialised as CDR version 1, its hash in the endpoint's user
data; `ros2 node list` and `ros2 topic list` see the participant. Network: `dds_domain.py`.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from cyclonedds.core import GuardCondition, InstanceState, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic as DdsTopic
from cyclonedds.util import duration

from controllers.ros.graph import Quality, Service, Topic, resolve
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Answer, Sender
from robot_rl.hardware.graph.dds_discovery import PARTICIPANT_QOS, NodeInfo, Writers, type_hash_data
from robot_rl.hardware.graph.dds_domain import domain_id_of, enter_domain
from robot_rl.hardware.graph.dds_messages import MessageType, dds_name, message_type
from robot_rl.hardware.graph.dds_service import ServiceClient, respond, service_topics

_WAIT_NS = duration(seconds=1)


def qos_of(quality: Quality, type_hash: str, writes: bool = False) -> Qos:
    """Return the quality as DDS QoS. Only a writer offers a deadline and a lifespan: a reader that requests a deadline
    would not match writers without one.
    """
    policies: list[Any] = [
        Policy.Reliability.Reliable(duration(milliseconds=100)) if quality.reliable else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if quality.latched else Policy.Durability.Volatile,
        Policy.History.KeepLast(quality.depth),
        Policy.DataRepresentation(use_cdrv0_representation=True),
        Policy.Userdata(type_hash_data(type_hash)),
    ]
    if writes:
        policies.append(Policy.WriterDataLifecycle(autodispose=False))
        if quality.deadline_s:
            policies.append(Policy.Deadline(duration(seconds=quality.deadline_s)))
        if quality.lifespan_s:
            policies.append(Policy.Lifespan(duration(seconds=quality.lifespan_s)))
    return Qos(*policies)


class DdsPublisher:
    """A `Publisher` over a DDS writer."""

    def __init__(self, writer: DataWriter[Any], kind: MessageType) -> None:
        self.writer, self._kind = writer, kind

    def publish(self, message: Any) -> None:
        self._kind.arrange(message)
        self.writer.write(self._kind.envelope(message))

    def matched(self) -> int:
        return len(self.writer.get_matched_subscriptions())


class _Subscription:
    """A reader, its callback, and its last status."""

    def __init__(self, reader: DataReader[Any], name: str, depth: int, callback: Callable[[Any], None]) -> None:
        self.reader, self.name, self.depth, self.callback = reader, name, depth, callback
        self.condition = ReadCondition(reader, ViewState.Any | InstanceState.Any | SampleState.Any)


class DdsWire:
    """See `Wire`.

    Args:
        node: the name under which ROS lists this participant.
        namespace: the arm's, as in `left`.
        domain_id: number of the DDS domain; by default the one in ROS_DOMAIN_ID.
        distribution: of the ROS nodes on the graph.

    Raises:
        ConfigError: a ROS_DOMAIN_ID that is no number.
    """

    def __init__(
        self, node: str, namespace: str = "", domain_id: int | None = None, distribution: str = "jazzy"
    ) -> None:
        self.namespace, self._distribution = namespace, distribution
        domain_id = domain_id_of(os.environ) if domain_id is None else domain_id
        enter_domain(domain_id)
        self._participant = DomainParticipant(domain_id, PARTICIPANT_QOS)
        self._node = NodeInfo(self._participant, node, namespace, distribution)
        self._writers = Writers(self._participant, distribution)
        self._problems = WarningLog()
        self._publishers: dict[str, DdsPublisher] = {}
        self._subscriptions: list[_Subscription] = []
        self._counted: dict[tuple[str, str, str], int] = {}
        self._topics: dict[tuple[str, str], Any] = {}
        self._clients: dict[Service, ServiceClient] = {}
        self._closing = False
        self._guard, self._waitset = GuardCondition(self._participant), WaitSet(self._participant)
        for entity in (self._guard, self._writers.condition):
            self._waitset.attach(entity)
        self._thread = threading.Thread(target=self._run, name=f"dds {node}", daemon=True)
        self._thread.start()

    def make(self, type_name: str, **fields: Any) -> Any:
        message = message_type(type_name, self._distribution).make()
        for field, value in fields.items():
            setattr(message, field, value)
        return message

    def publisher(self, topic: Topic) -> DdsPublisher:
        """See `Wire`. Returns the same writer for the same topic."""
        name = resolve(topic, self.namespace)
        if name not in self._publishers:
            kind = message_type(topic.type, self._distribution)
            qos = qos_of(topic.quality, kind.hash, writes=True)
            writer = DataWriter(self._participant, self._dds_topic(name, kind), qos)
            self._publishers[name] = DdsPublisher(writer, kind)
            self._node.add(writer=writer)
        return self._publishers[name]

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        name, kind = resolve(topic, self.namespace), message_type(topic.type, self._distribution)
        reader = DataReader(self._participant, self._dds_topic(name, kind), qos_of(topic.quality, kind.hash))
        self._listen(_Subscription(reader, name, topic.quality.depth, callback))
        self._node.add(reader=reader)

    def _listen(self, subscription: _Subscription) -> None:
        self._subscriptions = [*self._subscriptions, subscription]  # replaced, not changed: the thread iterates over it
        self._waitset.attach(subscription.condition)

    def serve(self, service: Service, answer: Callable[[Any], Answer]) -> None:
        topics = service_topics(service, resolve(service, self.namespace))
        writer, kind = self._raw_writer(topics.reply)

        def on_request(request: Any) -> None:
            kind.arrange(reply := respond(kind.make(), request, answer))
            writer.write(kind.envelope(reply))

        self._raw_reader(topics.request, on_request)

    def call(self, service: Service, timeout_s: float, **fields: Any) -> Answer:
        name, end_s = resolve(service, self.namespace), time.monotonic() + timeout_s
        topics = service_topics(service, name)
        if service not in self._clients:
            writer, kind = self._raw_writer(topics.request)
            client = ServiceClient(
                lambda request: writer.write(kind.envelope(request)), lambda: len(writer.get_matched_subscriptions())
            )
            self._clients[service] = client
            self._raw_reader(topics.reply, client.on_reply)
        client = self._clients[service]
        while not client.ready() and time.monotonic() < end_s:
            time.sleep(0.01)
        answer = client.call(self.make(topics.request.type, **fields), max(0.0, end_s - time.monotonic()))
        return answer or (False, f"{name}: got no answer in {timeout_s} s, expected one; does the controller run?")

    def _raw_writer(self, topic: Topic) -> tuple[Any, MessageType]:
        """A writer of a service's topic, whose name is complete."""
        kind = message_type(topic.type, self._distribution)
        topic_of_dds = DdsTopic(self._participant, topic.name, kind.envelope)
        writer = DataWriter(self._participant, topic_of_dds, qos_of(topic.quality, kind.hash, writes=True))
        self._node.add(writer=writer)
        return writer, kind

    def _raw_reader(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        kind = message_type(topic.type, self._distribution)
        topic_of_dds = DdsTopic(self._participant, topic.name, kind.envelope)
        reader = DataReader(self._participant, topic_of_dds, qos_of(topic.quality, kind.hash))
        self._listen(_Subscription(reader, topic.name, topic.quality.depth, callback))
        self._node.add(reader=reader)

    def publishers_of(self, topic: Topic) -> tuple[Sender, ...]:
        """See `Wire`. Writers of another type count too, with a warning."""
        name, expected = resolve(topic, self.namespace), dds_name(topic.type)
        found = self._writers.of(f"rt{name}")
        for kind in {writer.type for _, writer in found} - {expected}:
            self._problems.note(f"{name}: got a publisher of {kind}, expected {expected}; stop it or rename its topic.")
        return tuple(Sender(node, writer.reliable) for node, writer in found)

    def problems(self) -> tuple[str, ...]:
        for subscription in self._subscriptions:
            reader, name = subscription.reader, subscription.name
            self._look(name, "a publisher", "of another quality", reader.get_requested_incompatible_qos_status())
            self._look(name, "a sample", "that never arrived", reader.get_sample_lost_status())
        for name, publisher in self._publishers.items():
            writer = publisher.writer
            self._look(name, "a subscriber", "of another quality", writer.get_offered_incompatible_qos_status())
            self._look(name, "a deadline", "that was missed", writer.get_offered_deadline_missed_status())
        return self._problems.texts()

    def now_ns(self) -> int:
        return time.time_ns()

    def close(self) -> None:
        """See `Wire`. A second call does nothing."""
        if self._closing:
            return
        self._closing = True
        self._guard.set(True)
        self._thread.join()
        self._participant.__del__()

    def _dds_topic(self, name: str, kind: MessageType) -> Any:
        if (name, kind.name) not in self._topics:
            self._topics[name, kind.name] = DdsTopic(self._participant, f"rt{name}", kind.envelope)
        return self._topics[name, kind.name]

    def _look(self, name: str, who: str, what: str, status: Any) -> None:
        """Note the increments of a status."""
        before = self._counted.get((name, who, what), 0)
        self._counted[name, who, what] = status.total_count
        if status.total_count > before:
            advice = "see `ros2 topic info -v`"
            text = f"{name}: got {who} {what}, expected none; {advice}."
            self._problems.note(text, times=status.total_count - before)

    def _run(self) -> None:
        while True:
            self._waitset.wait(_WAIT_NS)
            if self._closing:
                return
            self._writers.refresh()
            for subscription in self._subscriptions:
                self._deliver(subscription)

    def _deliver(self, subscription: _Subscription) -> None:
        for envelope in subscription.reader.take(subscription.depth):
            message = getattr(envelope, "message", None)
            if message is None:
                if envelope.sample_info.valid_data:
                    self._problems.note(f"{subscription.name}: got bytes of no valid message, expected its type.")
                continue
            try:
                subscription.callback(message)
            except Exception as error:  # one callback's error must not stop the others
                self._problems.note(f"{subscription.name}: a callback raised {error!r}; report this.")
