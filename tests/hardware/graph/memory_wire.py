"""A `Wire` in this process's memory, on a clock that the test moves: for logic that needs no real wire."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from controllers.ros.graph import Service, Topic, resolve
from controllers.ros.wire import Answer, Sender
from robot_rl.hardware.graph.dds_messages import message_type
from robot_rl.testing import FakeClock

EPOCH_NS = 1_700_000_000_000_000_000


class Graph:
    """What the wires of one test share."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.offset_ns = EPOCH_NS
        self.readers: dict[str, list[tuple[object, Callable[[Any], None]]]] = {}
        self.writers: list[tuple[object, str]] = []
        self.services: dict[str, Callable[[Any], Answer]] = {}
        self.latched: dict[str, Any] = {}  # the last message of each topic that late readers get
        self.muted: set[str] = set()  # topics on which nothing arrives


class MemoryPublisher:
    def __init__(self, graph: Graph, name: str, latched: bool) -> None:
        self._graph, self._name, self._latched = graph, name, latched

    def publish(self, message: Any) -> None:
        if self._latched:
            self._graph.latched[self._name] = message
        if self._name not in self._graph.muted:
            for _, callback in self._graph.readers.get(self._name, []):
                callback(message)

    def matched(self) -> int:
        return len(self._graph.readers.get(self._name, []))


class MemoryWire:
    def __init__(self, graph: Graph, namespace: str = "") -> None:
        self.namespace, self._graph = namespace, graph

    def make(self, type_name: str, **fields: Any) -> Any:
        message = message_type(type_name).make()
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    def publisher(self, topic: Topic) -> MemoryPublisher:
        name = resolve(topic, self.namespace)
        if (self, name) not in self._graph.writers:
            self._graph.writers.append((self, name))
        return MemoryPublisher(self._graph, name, topic.quality.latched)

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        name = resolve(topic, self.namespace)
        self._graph.readers.setdefault(name, []).append((self, callback))
        if topic.quality.latched and name in self._graph.latched:
            callback(self._graph.latched[name])

    def serve(self, service: Service, answer: Callable[[Any], Answer]) -> None:
        self._graph.services[resolve(service, self.namespace)] = answer

    def call(self, service: Service, timeout_s: float, **fields: Any) -> Answer:
        return self._graph.services[resolve(service, self.namespace)](SimpleNamespace(**fields))

    def publishers_of(self, topic: Topic) -> tuple[Sender, ...]:
        name = resolve(topic, self.namespace)
        return tuple(Sender("/memory") for _, writer_name in self._graph.writers if writer_name == name)

    def problems(self) -> tuple[str, ...]:
        return ()

    def now_ns(self) -> int:
        return self._graph.offset_ns + self._graph.clock.now_ns()

    def close(self) -> None:
        self._graph.writers = [writer for writer in self._graph.writers if writer[0] is not self]
        for readers in self._graph.readers.values():
            readers[:] = [reader for reader in readers if reader[0] is not self]
