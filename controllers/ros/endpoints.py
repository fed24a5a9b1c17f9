"""What a node has open on the graph: made by the graph's table, destroyed together. The node is an argument."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from controllers.ros.graph import Topic
from controllers.ros.qos import ros_profile


@cache
def message_class(type_name: str) -> Any:
    """The class of a message type such as `geometry_msgs/msg/PoseStamped`; its package comes with ROS."""
    package, _, name = type_name.partition("/msg/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def publisher(node: Any, topic: Topic) -> Any:
    """A publisher with the topic's type and quality."""
    return node.create_publisher(message_class(topic.type), topic.name, ros_profile(topic.quality, writes=True))


class Endpoints:
    """Publishers, subscriptions and timers of a node that live as long as a loop does.

    Args:
        node: of rclpy.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._in_use: list[tuple[Callable[[Any], Any], Any]] = []

    def publisher(self, topic: Topic) -> Any:
        """Open a publisher."""
        made = publisher(self._node, topic)
        self._in_use.append((self._node.destroy_publisher, made))
        return made

    def subscribe(self, topic: Topic, heard: Callable[[Any], None], events: Any) -> None:
        """Open a subscription; `events` are rclpy's callbacks for it."""
        kind, quality = message_class(topic.type), ros_profile(topic.quality)
        made = self._node.create_subscription(kind, topic.name, heard, quality, event_callbacks=events)
        self._in_use.append((self._node.destroy_subscription, made))

    def every(self, period_s: float, call: Callable[[], None]) -> None:
        """Call something again and again."""
        self._in_use.append((self._node.destroy_timer, self._node.create_timer(period_s, call)))

    def close(self) -> None:
        """Destroy all that is open."""
        in_use, self._in_use = self._in_use, []
        for destroy, entity in in_use:
            destroy(entity)
