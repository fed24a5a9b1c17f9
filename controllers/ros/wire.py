"""What nodes and clients of the ROS graph need of a library that speaks its protocol: rclpy, or plain cyclonedds.

Messages are the library's own classes; all of them have the fields of the ROS interface (`header.stamp.sec`,
`pose.position.x`), so that controller and clients are written once. `make` builds a message by its type's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from controllers.ros.graph import Service, Topic

Answer = tuple[bool, str]  # of a service: whether it was done, and a sentence


class Sender(NamedTuple):
    """One publisher of a topic."""

    node: str
    """Full name, as in `/left/teleop`; `unknown` where the graph does not name it."""
    reliable: bool = True


class Publisher(Protocol):
    """Sends messages of one topic."""

    def publish(self, message: Any) -> None:
        """Send, without waiting for anybody."""
        ...

    def matched(self) -> int:
        """Return how many readers there are."""
        ...


class Wire(Protocol):
    """One participant of the graph, in one arm's namespace.

    Callbacks run in the wire's own thread, one at a time, and must not block.
    """

    namespace: str

    def make(self, type_name: str, **fields: Any) -> Any:
        """Return a message of a type such as `geometry_msgs/msg/PoseStamped`; fields that are not given are zero."""
        ...

    def publisher(self, topic: Topic) -> Publisher:
        """Return a writer with the topic's quality."""
        ...

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        """Call `callback` with each message, from now on."""
        ...

    def serve(self, service: Service, answer: Callable[[Any], Answer]) -> None:
        """Answer each request of a service of std_srvs, from now on."""
        ...

    def call(self, service: Service, timeout_s: float, **fields: Any) -> Answer:
        """Request a service and wait for its answer; no answer in time is one that nothing was done."""
        ...

    def publishers_of(self, topic: Topic) -> tuple[Sender, ...]:
        """Return the writers of a topic that are seen, whatever their quality."""
        ...

    def problems(self) -> tuple[str, ...]:
        """Return what was noticed on the graph: qualities that do not match, missed deadlines; newest last."""
        ...

    def now_ns(self) -> int:
        """Return the clock of the stamps, since the epoch [ns]: ROS time where ROS is, else the system's."""
        ...

    def close(self) -> None:
        """Leave the graph: what this participant opened is closed."""
        ...
