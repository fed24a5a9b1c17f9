"""A `Wire` over rclpy. Message packages and rclpy come with ROS, not with pip: they are imported when a wire opens."""

import array
import contextlib
import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from controllers.ros.graph import Service, Topic, resolve
from controllers.ros.qos import ros_profile
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Answer, Sender


def import_rclpy() -> Any:
    """Import rclpy and the parts that this module uses.

    Raises:
        ImportError: it is not installed; the text names the next step.
    """
    try:
        for part in ("rclpy.executors", "rclpy.event_handler"):
            importlib.import_module(part)
        return importlib.import_module("rclpy")
    except ImportError as error:
        raise ImportError(
            f"rclpy: got {error}, expected a ROS 2 installation; `source /opt/ros/<distribution>/setup.bash`, with the "
            "Python that it was built for, or use the DDS wire, which needs no ROS."
        ) from error


class RosPublisher:
    """A `Publisher` over a publisher of rclpy."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher

    def publish(self, message: Any) -> None:
        self._publisher.publish(message)

    def matched(self) -> int:
        return int(self._publisher.get_subscription_count())


class RosWire:
    """See `Wire`.

    Its own node is spun in a separate thread and context, which end when it is closed. A node that is passed in is spun
    and destroyed by its owner.

    Args:
        node: name of the node to create, or an existing node that its owner spins.
        namespace: the arm's, as in `left`.
        domain_id: of a node to create; by default the one in ROS_DOMAIN_ID.

    Raises:
        ImportError: there is no ROS.
    """

    def __init__(self, node: Any, namespace: str = "", domain_id: int | None = None) -> None:
        self.namespace, self._ros = namespace, import_rclpy()
        self._problems = WarningLog()
        self._publishers: dict[str, RosPublisher] = {}
        self._context: Any = None
        self._opened: list[tuple[str, Any]] = []  # entities of the node, with their destructors
        self._clients: dict[Service, Any] = {}
        self._node = self._own_node(node, domain_id) if isinstance(node, str) else node

    @property
    def node(self) -> Any:
        """The node, for services and parameters."""
        return self._node

    def make(self, type_name: str, **fields: Any) -> Any:
        kind = interface(type_name)
        types = kind.get_fields_and_field_types()
        return kind(**{field: _for_rclpy(value, types.get(field, "")) for field, value in fields.items()})

    def publisher(self, topic: Topic) -> RosPublisher:
        """See `Wire`. Returns the same publisher for the same topic."""
        name = resolve(topic, self.namespace)
        if name not in self._publishers:
            events = self._ros.event_handler.PublisherEventCallbacks(
                incompatible_qos=self._noting(name, "a subscriber", "of another quality"),
                deadline=self._noting(name, "a deadline", "that was missed") if topic.quality.deadline_s else None,
            )
            publisher = self._node.create_publisher(
                interface(topic.type), name, ros_profile(topic.quality, writes=True), event_callbacks=events
            )
            self._opened.append(("publisher", publisher))
            self._publishers[name] = RosPublisher(publisher)
        return self._publishers[name]

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
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
        subscription = self._node.create_subscription(
            interface(topic.type), name, guarded, ros_profile(topic.quality), event_callbacks=events
        )
        self._opened.append(("subscription", subscription))

    def serve(self, service: Service, answer: Callable[[Any], Answer]) -> None:

        def respond(request: Any, response: Any) -> Any:
            response.success, response.message = answer(request)
            return response

        name = resolve(service, self.namespace)
        self._opened.append(("service", self._node.create_service(interface(service.type), name, respond)))

    def call(self, service: Service, timeout_s: float, **fields: Any) -> Answer:
        """See `Wire`. Only with its own node: another is not spun meanwhile."""
        kind, name, end_s = interface(service.type), resolve(service, self.namespace), time.monotonic() + timeout_s
        if service not in self._clients:
            self._clients[service] = self._node.create_client(kind, name)
            self._opened.append(("client", self._clients[service]))
        client, done = self._clients[service], threading.Event()
        if client.wait_for_service(timeout_s):
            future = client.call_async(kind.Request(**fields))
            future.add_done_callback(lambda future: done.set())
            if done.wait(max(0.0, end_s - time.monotonic())):
                return bool(future.result().success), str(future.result().message)
        return False, f"{name}: got no answer in {timeout_s} s, expected one; does the controller run?"

    def publishers_of(self, topic: Topic) -> tuple[Sender, ...]:
        infos = self._node.get_publishers_info_by_topic(resolve(topic, self.namespace))
        names = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos]
        reliable = [info.qos_profile.reliability.name != "BEST_EFFORT" for info in infos]
        return tuple(map(Sender, names, reliable))

    def problems(self) -> tuple[str, ...]:
        return self._problems.texts()

    def now_ns(self) -> int:
        """See `Wire`: the node's ROS clock."""
        return int(self._node.get_clock().now().nanoseconds)

    def close(self) -> None:
        """See `Wire`. A second call does nothing; of a passed node only the entities of this wire are destroyed."""
        opened, self._opened = self._opened, []
        context, self._context = self._context, None
        if context is None:
            for kind, entity in opened:
                getattr(self._node, f"destroy_{kind}")(entity)
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


def interface(type_name: str) -> Any:
    """Return the class of an interface such as `geometry_msgs/msg/PoseStamped`.

    Raises:
        ValueError: no installed package of ROS has it.
    """
    package, kind, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{type_name}: got {error}, expected a type of an installed package of ROS.") from error


def _for_rclpy(value: Any, field_type: str) -> Any:
    """Convert arrays to the array module's, which rclpy accepts without checking each number; bytes stay bytes."""
    if isinstance(value, np.ndarray):
        numbers = array.array(value.dtype.char)
        numbers.frombytes(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
        return numbers
    return bytes([value]) if field_type == "octet" else value
