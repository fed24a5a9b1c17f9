"""The controller's side of the graph: what it sends, and which targets it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from controllers.ros.graph import Topic
from robot_rl.core.pose import gripper_down
from robot_rl.hardware.graph.messages import (
    joints_message,
    pose_message,
    read_image,
    read_pose,
    read_positions,
    read_status,
    read_twist,
    read_wrench,
    stamp_of,
)
from robot_rl.hardware.graph.server import GraphServer
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.hardware.scripted_arm import JOINTS, ScriptedArm

GOAL = gripper_down(np.array([0.4, 0.1, 0.2]), 0.3)


class Desk:
    """A server and a client's wire, side by side."""

    def __init__(self) -> None:
        self.clock = FakeClock(5.0)
        self.graph = Graph(self.clock)
        self.arm = ScriptedArm()
        self.wire = MemoryWire(self.graph, "left")
        self.client = MemoryWire(self.graph, "left")
        self.server = GraphServer(self.wire, self.arm, JOINTS)

    def hear(self, topic: Topic) -> list[Any]:
        heard: list[Any] = []
        self.client.subscribe(topic, heard.append)
        return heard

    def send_pose(self, **changes: Any) -> None:
        message = pose_message(self.client, GOAL, self.client.now_ns() + changes.get("offset_ns", 0), graph.BASE)
        message.header.frame_id = changes.get("frame", graph.BASE)
        message.pose.position.x = changes.get("x", message.pose.position.x)
        message.pose.orientation.x *= changes.get("scale", 1.0)
        self.client.publisher(graph.TARGET_POSE).publish(message)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_state_goes_out_on_every_topic_under_one_stamp(desk: Desk) -> None:
    topics = (graph.CURRENT_POSE, graph.COMMANDED_POSE, graph.CURRENT_TWIST, graph.WRENCH, graph.GRIPPER_STATE)
    topics += (graph.JOINT_STATES, graph.TRACKING_ERROR, graph.ESTIMATED_WRENCH)
    heard = {topic: desk.hear(topic) for topic in topics}
    desk.server.publish_state()
    assert {stamp_of(messages[0]) for messages in heard.values()} == {desk.wire.now_ns()}
    np.testing.assert_allclose(read_pose(heard[graph.CURRENT_POSE][0], graph.BASE).p, desk.arm.T_base_tcp.p)
    np.testing.assert_allclose(read_twist(heard[graph.CURRENT_TWIST][0], graph.BASE), desk.arm.twist)
    np.testing.assert_allclose(read_wrench(heard[graph.WRENCH][0], graph.HAND), desk.arm.wrench)
    assert read_positions(heard[graph.GRIPPER_STATE][0], [graph.FINGER_JOINT]) == [desk.arm.finger_m]
    np.testing.assert_allclose(read_positions(heard[graph.JOINT_STATES][0], JOINTS[::-1]), np.arange(7.0)[::-1])


def test_target_moves_the_arm_with_the_next_state(desk: Desk) -> None:
    desk.send_pose()
    assert desk.arm.commands == []
    desk.server.publish_state()
    desk.server.publish_state()
    [(T, finger_m)] = desk.arm.commands
    np.testing.assert_allclose(T.p, GOAL.p)
    np.testing.assert_allclose(T.R, GOAL.R, atol=1e-12)
    assert finger_m == 0.02, "a target pose leaves the fingers alone"


def test_gripper_target_leaves_the_pose_alone(desk: Desk) -> None:
    message = joints_message(desk.client, ["other", graph.FINGER_JOINT], np.array([9.0, 0.03]), desk.client.now_ns())
    desk.client.publisher(graph.GRIPPER_TARGET).publish(message)
    before = desk.arm.goal
    desk.server.publish_state()
    [(T, finger_m)] = desk.arm.commands
    assert T is before and finger_m == 0.03


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"offset_ns": -300_000_000}, "stamp: got one 0.300 s old"),
        ({"offset_ns": 100_000_000}, "stamp: got one -0.100 s old"),
        ({"frame": "world"}, "frame_id: got 'world'"),
        ({"x": math.nan}, "pose: got [nan"),
        ({"x": math.inf}, "pose: got [inf"),
        ({"scale": 3.0}, "orientation: got a quaternion of length"),
    ],
)
def test_bad_target_is_named_and_moves_nothing(desk: Desk, changes: dict[str, Any], named: str) -> None:
    desk.send_pose()
    desk.server.publish_state()
    desk.send_pose(**changes)
    desk.server.publish_state()
    assert len(desk.arm.commands) == 1
    assert named in desk.server.problems()[-1]


def test_two_senders_of_targets_are_refused_until_one_leaves(desk: Desk) -> None:
    other = MemoryWire(desk.graph, "left")
    other.publisher(graph.TARGET_POSE)
    desk.send_pose()
    desk.server.publish_state()
    assert desk.arm.commands == [] and "publishers: got 2" in desk.server.problems()[-1]
    other.close()
    desk.send_pose()
    desk.server.publish_state()
    assert len(desk.arm.commands) == 1


def test_status_goes_out_when_it_changes(desk: Desk) -> None:
    heard = desk.hear(graph.STATUS)
    desk.server.publish_state()
    desk.arm.fault = "reflex"
    desk.server.publish_state()
    desk.server.publish_state()
    assert [read_status(message) for message in heard] == [(2, "reflex")]


def test_image_arrives_as_it_was_sent(desk: Desk) -> None:
    heard = desk.hear(graph.image_topic("wrist"))
    image = np.random.default_rng(0).integers(0, 255, (6, 5, 3), np.uint8)
    desk.server.publish_image("wrist", image, 123)
    np.testing.assert_array_equal(read_image(heard[0]), image)
    assert stamp_of(heard[0]) == 123
