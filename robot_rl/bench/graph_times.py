"""Message times between two processes on the ROS graph, over plain DDS and over rclpy.

A round trip begins before the message is built and ends in the callback with the checked answer; an image's time begins
before it is built and ends when its pixels are usable.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from controllers.ros import from_ros, to_ros
from controllers.ros.graph import BASE, Qualities, Topic, image_topic
from controllers.ros.wire import Wire
from robot_rl.bench.timing import percentiles
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import gripper_down
from robot_rl.hardware.graph.dds_domain import LOOPBACK
from robot_rl.hardware.graph.messages import image_message, pose_message, read_image, read_pose

TRIPS, IMAGES, WARM_UP = 2000, 240, 20
IMAGE_SHAPE, IMAGE_HZ = (480, 640, 3), 30.0
JOINTS = [f"joint{i}" for i in range(1, 8)]
CAMERA = image_topic("bench")
LIMIT_S = 60.0
OpenWire = Callable[[str, int], Wire]

_KINDS = {"joints": "sensor_msgs/msg/JointState", "pose": "geometry_msgs/msg/PoseStamped"}
_STATE = Qualities.STATE.value


def measure_dds() -> dict[str, Any]:
    """Return the times over plain DDS; targets: round trip p50 500 us, image 5 ms on two free cores."""
    return measure(_open_dds)


def measure_ros() -> dict[str, Any]:
    """Return the times over rclpy, on loopback unless `CYCLONEDDS_URI` is set.

    Raises:
        ConfigError: ROS is not sourced.
    """
    return measure(_open_ros)


def _open_dds(node: str, domain_id: int) -> Wire:
    from robot_rl.hardware.graph.dds_wire import DdsWire

    return DdsWire(node, "", domain_id)


def _open_ros(node: str, domain_id: int) -> Wire:
    from controllers.ros.ros_wire import RosWire

    os.environ.setdefault("CYCLONEDDS_URI", LOOPBACK)
    return RosWire(node, "", domain_id)


def measure(open_wire: OpenWire) -> dict[str, Any]:
    """Return round trips [us] and the images' times [ms] over one kind of wire.

    Args:
        open_wire: from a node's name and a domain's number; a function of a module, for the other process.
    """
    domain_id = 60 + os.getpid() % 40  # apart from the machine's usual domain
    wire = open_wire("bench", domain_id)
    T, q = gripper_down(np.array([0.5, 0.0, 0.3])), np.linspace(-1.0, 1.0, 7)

    def joints() -> Any:
        return to_ros.stamped(
            to_ros.put_joints(wire.make("sensor_msgs/msg/JointState"), JOINTS, q, q, q), wire.now_ns(), ""
        )

    metrics: dict[str, Any] = {"cpus": len(os.sched_getaffinity(0)), "load_1min": round(os.getloadavg()[0], 2)}
    with _peer(open_wire, domain_id):
        metrics |= images(wire)
        metrics |= round_trips(wire, "joints", joints, lambda message: from_ros.positions_of(message, JOINTS))
        metrics |= round_trips(
            wire, "pose", lambda: pose_message(wire, T, wire.now_ns(), BASE), lambda message: read_pose(message, BASE)
        )
    wire.close()
    metrics["round_trip_us_p50"], metrics["round_trip_us_p99"] = metrics["joints_us_p50"], metrics["joints_us_p99"]
    return metrics


def round_trips(wire: Wire, kind: str, build: Callable[[], Any], read: Callable[[Any], Any]) -> dict[str, Any]:
    """Send one message at a time to the peer and back."""
    answered, arrived_ns = threading.Event(), [0]

    def on_answer(message: Any) -> None:
        read(message)
        arrived_ns[0] = time.perf_counter_ns()
        answered.set()

    wire.subscribe(_topic(kind, "pong"), on_answer)
    publisher = wire.publisher(_topic(kind, "ping"))
    _await(lambda: publisher.matched() and wire.publishers_of(_topic(kind, "pong")))
    time.sleep(0.2)  # the peer's writer must have matched our reader, too
    durations_s = np.empty(TRIPS)
    for i in range(-WARM_UP, TRIPS):
        answered.clear()
        start_ns = time.perf_counter_ns()
        publisher.publish(build())
        if not answered.wait(LIMIT_S):
            raise DeviceLostError(f"bench: got no answer for {LIMIT_S} s, expected one; run it again.")
        if i >= 0:
            durations_s[i] = (arrived_ns[0] - start_ns) / NS_PER_S
    return percentiles(f"{kind}_us", durations_s, 1e6)


def images(wire: Wire) -> dict[str, Any]:
    """Receive the peer's images."""
    ages_s: list[float] = []

    def on_image(message: Any) -> None:
        read_image(message)
        ages_s.append((wire.now_ns() - from_ros.stamp_ns(message)) / NS_PER_S)

    wire.subscribe(CAMERA, on_image)
    _await(lambda: len(ages_s) >= IMAGES + WARM_UP)
    return percentiles("image_ms", np.array(ages_s[WARM_UP:]), 1e3)


@contextmanager
def _peer(open_wire: OpenWire, domain_id: int) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    ended = context.Event()
    process = context.Process(target=serve, args=(open_wire, domain_id, ended), daemon=True)
    process.start()
    try:
        yield
    finally:
        ended.set()
        process.join(LIMIT_S)


def serve(open_wire: OpenWire, domain_id: int, ended: Any) -> None:
    """Run the other process: answer pings in their callbacks, send images while there is a subscriber."""
    wire = open_wire("bench_peer", domain_id)
    for kind in _KINDS:
        wire.subscribe(_topic(kind, "ping"), wire.publisher(_topic(kind, "pong")).publish)
    camera, image = wire.publisher(CAMERA), np.random.default_rng(0).integers(0, 255, IMAGE_SHAPE, np.uint8)
    sent = 0
    while not ended.wait(1.0 / IMAGE_HZ):
        if sent < IMAGES + 2 * WARM_UP and camera.matched():
            camera.publish(image_message(wire, image, wire.now_ns(), "bench"))
            sent += 1
    wire.close()


def _topic(kind: str, way: str) -> Topic:
    return Topic(f"bench/{way}_{kind}", _KINDS[kind], _STATE)


def _await(condition: Callable[[], Any]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end_s:
            raise DeviceLostError(f"bench: got nothing from its other process for {LIMIT_S} s; run it again.")
        time.sleep(0.01)
