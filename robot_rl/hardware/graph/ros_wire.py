"""A `Wire` over rclpy. Message packages and rclpy come with ROS, not with pip: they are imported when a wire opens."""

from __future__ import annotations

import array
import contextlib
import importlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from controllers.ros.graph import Topic, resolve
from controllers.ros.qos import ros_profile
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.hardware.warning_log import WarningLog


def import_rclpy() -> Any:
    """rclpy, with what this module uses of it.

    Raises:
        ConfigError: it is not there.
    """
    try:
        for part in ("rclpy.executors", "rclpy.event_handler"):
            importlib.import_module(part)
        return importlib.import_module("rclpy")
    except ImportError as error:
        raise ConfigError(
            f"rclpy: got {error}, expected a ROS 2 installation; `source /opt/ros/<distribution>/setup.bash`, with the "
            "Python that it was built for, or use the DDS wire, which needs no ROS."
        ) from error


class RosPublisher:
    """A `Publisher` over a publisher of rclpy."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher

    def publish(self, message: Any) -> None:
        """See `Publisher`."""
        self._publisher.publish(message)

    def matched(self) -> int:
        """See `Publisher`."""
        return int(self._publisher.get_subscription_count())


class RosWire:
    """See `Wire`.

    With a node of its own it spins in a thread of its own, in a context of its own, and ends both when it is closed;
    somebody else's rclpy is left alone. A node that is given is spun and destroyed by its owner.

    Args:
        node: name of the node to make, or a node that somebody spins.
        namespace: the arm's, as in `left`.
        domain_id: for a node to make; by default the one in ROS_DOMAIN_ID.

    Raises:
        ConfigError: there is no ROS.
    """

    def __init__(self, node: Any, namespace: str = "", domain_id: int | None = None) -> None:
        self.namespace, self._ros = namespace, import_rclpy()
        self._problems = WarningLog()
        self._publishers: dict[str, RosPublisher] = {}
        self._context: Any = None
        self._node = self._own_node(node, domain_id) if isinstance(node, str) else node

    @property
    def node(self) -> Any:
        """The node, for what topics cannot do: services, parameters."""
        return self._node

    def make(self, type_name: str, **fields: Any) -> Any:
        """See `Wire`."""
        kind = _message_class(type_name)
        types = kind.get_fields_and_field_types()
        return kind(**{field: _for_rclpy(value, types.get(field, "")) for field, value in fields.items()})

    def publisher(self, topic: Topic) -> RosPublisher:
        """See `Wire`. One publisher a topic and wire: asking again gives the same."""
        name = resolve(topic, self.namespace)
        if name not in self._publishers:
            events = self._ros.event_handler.PublisherEventCallbacks(
                incompatible_qos=self._noting(name, "a subscriber", "of another quality"),
                deadline=self._noting(name, "a deadline", "that was missed") if topic.quality.deadline_s else None,
            )
            publisher = self._node.create_publisher(
                _message_class(topic.type), name, ros_profile(topic.quality, writes=True), event_callbacks=events
            )
            self._publishers[name] = RosPublisher(publisher)
        return self._publishers[name]

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        """See `Wire`."""
        name = resolve(topic, self.namespace)

        def guarded(message: Any) -> None:
            try:
                callback(message)
            except Exception as error:  # one callback's error must not stop the others
                self._problems.note(f"{name}: a callback raised {error!r}; report this.")

        events = self._ros.event_handler.SubscriptionEventCallbacks(
            incompatible_qos=self._noting(name, "a publisher", "of another quality"),
            message_lost=self._noting(name, "a sample", "that never arrived"),
        )
        self._node.create_subscription(
            _message_class(topic.type), name, guarded, ros_profile(topic.quality), event_callbacks=events
        )

    def publishers_of(self, topic: Topic) -> int:
        """See `Wire`."""
        return int(self._node.count_publishers(resolve(topic, self.namespace)))

    def problems(self) -> tuple[str, ...]:
        """See `Wire`."""
        return self._problems.texts()

    def now_ns(self) -> int:
        """See `Wire`: the node's ROS clock."""
        return int(self._node.get_clock().now().nanoseconds)

    def close(self) -> None:
        """See `Wire`. Does nothing the second time, nor to somebody else's node."""
        context, self._context = self._context, None
        if context is None:
            return
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        context.try_shutdown()

    def _own_node(self, name: str, domain_id: int | None) -> Any:
        rclpy = self._ros
        context = self._context = rclpy.Context()
        rclpy.init(context=context, domain_id=domain_id)
        node = rclpy.create_node(name, context=context, namespace=self.namespace or None)
        self._executor = rclpy.executors.SingleThreadedExecutor(context=context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name=f"ros {name}", daemon=True)
        self._thread.start()
        return node

    def _spin(self) -> None:
        with contextlib.suppress(self._ros.executors.ExternalShutdownException):  # the process is ending
            self._executor.spin()

    def _noting(self, name: str, who: str, what: str) -> Callable[[Any], None]:
        def note(event: Any) -> None:
            if event.total_count_change > 0:
                text = f"{name}: got {who} {what}, expected none; see `ros2 topic info -v`."
                self._problems.note(text, times=event.total_count_change)

        return note


def _message_class(type_name: str) -> Any:
    package, kind, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except ImportError as error:
        raise ConfigError(f"{type_name}: got {error}, expected the package {package} of ROS; install it.") from error
    except AttributeError as error:
        known = dir(importlib.import_module(f"{package}.{kind}"))
        raise unknown_name("message type", name, [word for word in known if not word.startswith("_")]) from error


def _for_rclpy(value: Any, field_type: str) -> Any:
    """Arrays as the array module has them, which rclpy takes without looking at each number; bytes as bytes."""
    if isinstance(value, np.ndarray):
        numbers = array.array(value.dtype.char)
        numbers.frombytes(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
        return numbers
    return bytes([value]) if field_type == "octet" else value
