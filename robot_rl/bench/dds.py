"""Round trips and images between two processes over plain DDS; targets: p50 500 us and 5 ms on two free cores."""

from __future__ import annotations

from typing import Any

from robot_rl.bench.graph_times import measure
from robot_rl.hardware.graph.wire import Wire


def run() -> dict[str, Any]:
    """Return `round_trip_us` (joint states; `pose_us` for poses) and `image_ms` (640x480 at 30 Hz)."""
    return measure(open_wire)


def open_wire(node: str, domain_id: int) -> Wire:
    """Return a DDS wire."""
    from robot_rl.hardware.graph.dds_wire import DdsWire

    return DdsWire(node, "", domain_id)
