"""Round trips and images as in `dds`, over rclpy, on loopback unless `CYCLONEDDS_URI` is set."""

from __future__ import annotations

import os
from typing import Any

from robot_rl.bench.graph_times import measure
from robot_rl.hardware.graph.dds_domain import LOOPBACK
from robot_rl.hardware.graph.wire import Wire


def run() -> dict[str, Any]:
    """Return `round_trip_us` (joint states; `pose_us` for poses) and `image_ms` (640x480 at 30 Hz)."""
    return measure(open_wire)


def open_wire(node: str, domain_id: int) -> Wire:
    """Return a wire over rclpy.

    Raises:
        ConfigError: ROS is not sourced.
    """
    from robot_rl.hardware.graph.ros_wire import RosWire

    os.environ.setdefault("CYCLONEDDS_URI", LOOPBACK)
    return RosWire(node, "", domain_id)
