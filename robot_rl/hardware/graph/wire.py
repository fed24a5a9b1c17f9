"""What the clients of the ROS graph need of a library that speaks its wire: rclpy, or plain cyclonedds.

Messages are the library's own classes; all of them have the fields of the ROS interface (`header.stamp.sec`,
`pose.position.x`), so that one client can be written over any wire. `make` builds one by its type's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from controllers.ros.graph import Topic
from robot_rl.core.errors import ConfigError

DOMAIN_MAX = 232  # beyond it the ports of the standard's formula end


class Publisher(Protocol):
    """Sends messages of one topic."""

    def publish(self, message: Any) -> None:
        """Send, without waiting for anybody."""
        ...

    def matched(self) -> int:
        """How many readers there are."""
        ...


class Wire(Protocol):
    """One participant of the graph, in one arm's namespace.

    Callbacks run in the wire's own thread, one at a time, and must not block.
    """

    namespace: str

    def make(self, type_name: str, **fields: Any) -> Any:
        """A message of a type such as `geometry_msgs/msg/PoseStamped`; fields that are not given are zero."""
        ...

    def publisher(self, topic: Topic) -> Publisher:
        """A writer with the topic's quality."""
        ...

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        """Call `callback` with each message, from now on."""
        ...

    def publishers_of(self, topic: Topic) -> int:
        """How many writers of a topic are seen, whatever their quality."""
        ...

    def problems(self) -> tuple[str, ...]:
        """What was noticed on the graph: qualities that do not match, missed deadlines; newest last."""
        ...

    def now_ns(self) -> int:
        """The clock of the stamps, since the epoch [ns]: ROS time where ROS is, else the system's."""
        ...

    def close(self) -> None:
        """Leave the graph."""
        ...


def domain_id_of(environment: Mapping[str, str]) -> int:
    """The number in ROS_DOMAIN_ID, 0 where it is not set.

    Raises:
        ConfigError: no number from 0 to 232.
    """
    text = environment.get("ROS_DOMAIN_ID", "") or "0"
    if not (text.isdecimal() and int(text) <= DOMAIN_MAX):
        raise ConfigError(f"ROS_DOMAIN_ID: got {text!r}, expected a number from 0 to {DOMAIN_MAX}; unset it for 0.")
    return int(text)
