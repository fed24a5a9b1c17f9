"""Protocol of a wire to the ROS graph: rclpy, or plain cyclonedds.

Messages are the library's own classes; all of them have the fields of the ROS interface (`header.stamp.sec`,
`pose.position.x`), so that controller and clients are written once. `make` builds a message by its type's name.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from controllers.ros.graph import Service, Topic

Answer = tuple[bool, str]  # of a service: success and message


class Sender(NamedTuple):
    """One publisher of a topic."""

    node: str
    """Full name, as in `/left/teleop`; `unknown` where the graph does not name it."""
    reliable: bool = True


class Publisher(Protocol):
    """Sends messages of one topic."""

    def publish(self, message: Any) -> None:
        """Send without waiting."""

    def matched(self) -> int:
        """Return how many readers there are."""


class Wire(Protocol):
    """One participant of the graph, in one arm's namespace.

    Callbacks run in the wire's own thread, one at a time, and must not block.
    """

    namespace: str

    def make(self, type_name: str, **fields: Any) -> Any:
        """Return a message of a type such as `geometry_msgs/msg/PoseStamped`; fields that are not given are zero."""

    def publisher(self, topic: Topic) -> Publisher:
        """Return a writer with the topic's quality."""

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        """Call `callback` with each message, from now on."""

    def serve(self, service: Service, answer: Callable[[Any], Answer]) -> None:
        """Answer each request of a service of std_srvs, from now on."""

    def call(self, service: Service, timeout_s: float, **fields: Any) -> Answer:
        """Call a service and wait for its answer; a time-out counts as a failure."""

    def publishers_of(self, topic: Topic) -> tuple[Sender, ...]:
        """Return the visible writers of a topic, whatever their QoS."""

    def problems(self) -> tuple[str, ...]:
        """Return warnings of the graph: incompatible QoS, missed deadlines; newest last."""

    def now_ns(self) -> int:
        """Return the clock of the stamps, since the epoch [ns]: ROS time where ROS is, else the system's."""

    def close(self) -> None:
        """Leave the graph and close this participant's topics."""
