"""The same as `dds`, over rclpy, on loopback where `CYCLONEDDS_URI` does not say otherwise."""

from __future__ import annotations

import os
from typing import Any

from controllers.ros.wire import Wire
from robot_rl.bench.graph_times import measure
from robot_rl.hardware.graph.dds_domain import LOOPBACK


def run() -> dict[str, Any]:
    """Return `round_trip_us` (joint states; `pose_us` for poses) and `image_ms` (640x480 at 30 Hz)."""
    return measure(open_wire)


def open_wire(node: str, domain_id: int) -> Wire:
    """A wire over rclpy. Raises: ConfigError, when ROS is not sourced."""
    from controllers.ros.ros_wire import RosWire

    os.environ.setdefault("CYCLONEDDS_URI", LOOPBACK)
    return RosWire(node, "", domain_id)
