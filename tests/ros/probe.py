"""A client of the graph in a process of its own, driven by JSON lines: a test's mouth and ears.

Reads one request a line, answers one line. Streams go on between requests, in the background.
"""

import importlib
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosidl_runtime_py import message_to_ordereddict, set_message_fields

TIMEOUT_S = 30.0


def load(name: str) -> Any:
    """An interface by its name, as in `std_srvs/srv/Trigger`."""
    package, kind, last = name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), last)


def quality(word: str) -> Any:
    """`reliable`, `best_effort` or `latched`."""
    reliability = ReliabilityPolicy.BEST_EFFORT if word == "best_effort" else ReliabilityPolicy.RELIABLE
    durability = DurabilityPolicy.TRANSIENT_LOCAL if word == "latched" else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=10, reliability=reliability, durability=durability)


class Probe:
    """The requests, by name."""

    def __init__(self, name: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends with its input
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(name)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()
        self.heard: dict[str, list[Any]] = {}
        self.streams: dict[str, tuple[Any, Any]] = {}

    def _without_waiters(self, change: Callable[[], Any]) -> Any:
        """Run in the executor's thread: what is destroyed while the executor waits for it breaks the executor."""
        task, end_s = self.executor.create_task(change), time.monotonic() + TIMEOUT_S
        while not task.done() and time.monotonic() < end_s:
            time.sleep(0.002)
        return task.result()

    def hear(self, topic: str, type: str, qos: str = "reliable") -> bool:
        """Keep what comes on a topic."""
        self.heard[topic] = []
        self.node.create_subscription(load(type), topic, self.heard[topic].append, quality(qos))
        return True

    def latest(self, topic: str) -> Any:
        """The last message, or nothing."""
        heard = self.heard[topic]
        return message_to_ordereddict(heard[-1]) if heard else None

    def stream(self, topic: str, type: str, fields: dict[str, Any], rate_hz: float = 50.0, qos: str = "reliable",
               offset_s: float = 0.0, stamped: bool = True) -> bool:  # fmt: skip
        """Send a message again and again, stamped with the time of sending plus an offset."""
        self.silence(topic)
        message = load(type)()
        set_message_fields(message, fields)
        publisher = self.node.create_publisher(load(type), topic, quality(qos))

        def send() -> None:
            if stamped:
                now_ns = self.node.get_clock().now().nanoseconds + round(offset_s * 1e9)
                message.header.stamp.sec, message.header.stamp.nanosec = divmod(now_ns, 1_000_000_000)
            publisher.publish(message)

        self.streams[topic] = publisher, self.node.create_timer(1.0 / rate_hz, send)
        return True

    def silence(self, topic: str) -> bool:
        """End a stream."""
        publisher, timer = self.streams.pop(topic, (None, None))
        if publisher is not None:
            self._without_waiters(lambda: self.node.destroy_timer(timer))
            self._without_waiters(lambda: self.node.destroy_publisher(publisher))
        return True

    def call(self, service: str, type: str, fields: dict[str, Any] | None = None, limit_s: float = TIMEOUT_S) -> Any:
        """Call a service."""
        kind = load(type)
        client = self.node.create_client(kind, service)
        if not client.wait_for_service(limit_s):
            raise TimeoutError(f"no service {service}")
        request = kind.Request()
        set_message_fields(request, fields or {})
        future, end_s = client.call_async(request), time.monotonic() + limit_s
        while not future.done() and time.monotonic() < end_s:
            time.sleep(0.005)
        if not future.done():
            raise TimeoutError(f"no answer of {service}")
        self._without_waiters(lambda: self.node.destroy_client(client))
        return message_to_ordereddict(future.result())

    def close(self) -> None:
        """Join the executor's thread: one that is left inside C++ when Python ends aborts the process."""
        self.executor.shutdown()
        self._thread.join()
        rclpy.shutdown()

    def topics(self) -> dict[str, list[str]]:
        """What is on the graph."""
        return dict(self.node.get_topic_names_and_types())


def main() -> None:
    """Serve until the input ends."""
    probe = Probe(sys.argv[1])
    print(json.dumps({"ok": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": True, "value": getattr(probe, request.pop("do"))(**request)}
        except Exception as error:
            answer = {"ok": False, "value": repr(error)}
        print(json.dumps(answer, default=lambda x: list(x) if not isinstance(x, bytes) else x[0]), flush=True)
    probe.close()


if __name__ == "__main__":
    main()
