"""Both real wires for the tests, on loopback and on a domain of this process's own."""

import importlib.util
import os
from typing import Any

import pytest

from robot_rl.hardware.graph.dds_domain import LOOPBACK
from tests.domains import domain_id

NAMESPACE = "left"
WIRES = [pytest.param("dds", marks=pytest.mark.dds), pytest.param("rclpy", marks=pytest.mark.ros)]
NO_ROS = "rclpy cannot be imported: run: make ros"

# ROS must hear the same network as our own wire; both read this when their first participant is made.
os.environ.setdefault("CYCLONEDDS_URI", LOOPBACK)


def wires_domain() -> int:
    """The domain of this process, or, in a child, that of the process that started it."""
    return int(os.environ.setdefault("ROBOT_RL_TEST_DOMAIN", str(domain_id("wires"))))


def open_wire(kind: str, node: str, namespace: str = NAMESPACE) -> Any:
    """A wire of a kind; skips the test where its library is missing."""
    if kind == "dds":
        from robot_rl.hardware.graph.dds_wire import DdsWire

        return DdsWire(node, namespace, wires_domain())
    if importlib.util.find_spec("rclpy") is None:
        pytest.skip(NO_ROS)
    from controllers.ros.ros_wire import RosWire

    return RosWire(node, namespace, wires_domain())
