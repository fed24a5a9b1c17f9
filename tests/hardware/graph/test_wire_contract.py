"""What every wire keeps: delivery, qualities, discovery, clean ends. Over DDS and over rclpy."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from controllers.ros import from_ros, graph, to_ros
from controllers.ros.diagnostics import Level, StatusReport
from controllers.ros.graph import Qualities, Quality, Topic
from controllers.ros.wire import Sender
from robot_rl.core.errors import RobotRLError
from robot_rl.core.pose import gripper_down
from robot_rl.hardware.graph.messages import (
    image_message,
    joints_message,
    pose_message,
    read_image,
    read_pose,
    read_status,
)
from tests.hardware.graph.wires import WIRES, open_wire
from tests.waiting import eventually

POSE = gripper_down(np.array([0.1, -0.2, 0.3]), 0.4)
OpenWire = Callable[..., Any]


@pytest.fixture(params=WIRES)
def open_one(request: pytest.FixtureRequest) -> Iterator[OpenWire]:
    opened = []

    def open_one(node: str, namespace: str = "left") -> Any:
        opened.append(open_wire(request.param, node, namespace))
        return opened[-1]

    yield open_one
    for wire in opened:
        wire.close()


def status(wire: Any, level: Level, text: str, values: tuple[tuple[str, str], ...] = ()) -> Any:
    return to_ros.status_message(wire, StatusReport(level, text, values), "arm")


def pair(open_one: OpenWire, topic: Topic) -> tuple[Any, Any, Any, list[Any]]:
    """Sender, its publisher, listener and what it heard, after they found each other."""
    sender, listener, heard = open_one("sender"), open_one("listener"), []
    listener.subscribe(topic, heard.append)
    publisher = sender.publisher(topic)
    eventually(publisher.matched)
    return sender, publisher, listener, heard


def test_pose_arrives_as_it_was_sent(open_one: OpenWire) -> None:
    sender, publisher, _, heard = pair(open_one, graph.CURRENT_POSE)
    publisher.publish(pose_message(sender, POSE, 1_700_000_000_123_456_789, graph.BASE))
    [message] = eventually(lambda: heard)
    T = read_pose(message, graph.BASE)
    np.testing.assert_allclose(T.p, POSE.p)
    np.testing.assert_allclose(T.R, POSE.R, atol=1e-12)
    assert from_ros.stamp_ns(message) == 1_700_000_000_123_456_789


def test_joints_arrive_with_their_names(open_one: OpenWire) -> None:
    sender, publisher, _, heard = pair(open_one, graph.JOINT_STATES)
    publisher.publish(joints_message(sender, ["a", "b"], np.array([1.5, -2.5]), sender.now_ns()))
    [message] = eventually(lambda: heard)
    assert from_ros.positions_of(message, ["b", "a"]).tolist() == [-2.5, 1.5]
    assert (len(message.velocity), len(message.effort)) == (0, 0)


def test_image_arrives_byte_for_byte(open_one: OpenWire) -> None:
    sender, publisher, _, heard = pair(open_one, graph.image_topic("wrist"))
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)

    def sent_and_heard() -> bool:  # best effort may lose one
        publisher.publish(image_message(sender, image, sender.now_ns(), "wrist"))
        return bool(heard)

    eventually(sent_and_heard)
    np.testing.assert_array_equal(read_image(heard[0]), image)


def test_task_state_arrives(open_one: OpenWire) -> None:
    sender, publisher, _, heard = pair(open_one, graph.TASK_RESET)
    publisher.publish(sender.make("std_msgs/msg/UInt64", data=2**63 + 1))
    assert eventually(lambda: heard)[0].data == 2**63 + 1


def test_late_listener_gets_the_latched_status(open_one: OpenWire) -> None:
    sender, listener, heard = open_one("sender"), open_one("listener"), []
    sender.publisher(graph.STATUS).publish(status(sender, Level.ERROR, "reflex", (("mode", "fault"),)))
    listener.subscribe(graph.STATUS, heard.append)
    [message] = eventually(lambda: heard)
    assert read_status(message) == (2, "reflex")
    assert [(pair.key, pair.value) for pair in message.values] == [("mode", "fault")]


def test_best_effort_sender_does_not_reach_a_reliable_reader_and_both_report_it(
    open_one: OpenWire,
) -> None:
    sender, listener, heard = open_one("sender"), open_one("listener"), []
    listener.subscribe(graph.CURRENT_POSE, heard.append)
    careless = sender.publisher(graph.CURRENT_POSE._replace(quality=Qualities.SENSOR.value))
    for wire, who in ((sender, "a subscriber"), (listener, "a publisher")):
        problems = eventually(wire.problems)
        assert f"/left/impedance_controller/current_pose: got {who} of another quality" in problems[-1]
    careless.publish(pose_message(sender, POSE, sender.now_ns(), graph.BASE))
    assert eventually(lambda: len(listener.publishers_of(graph.CURRENT_POSE))) == 1, (
        "it is seen, though it does not match"
    )
    assert careless.matched() == 0 and heard == []


def test_reliable_sender_reaches_a_best_effort_listener(open_one: OpenWire) -> None:
    sender, listener, heard = open_one("sender"), open_one("listener"), []
    listener.subscribe(graph.WRENCH._replace(quality=Qualities.SENSOR.value), heard.append)
    publisher = sender.publisher(graph.WRENCH)
    eventually(publisher.matched)

    def sent_and_heard() -> bool:
        publisher.publish(sender.make(graph.WRENCH.type))
        return bool(heard)

    eventually(sent_and_heard)


def test_missed_deadline_is_a_problem_of_the_sender(open_one: OpenWire) -> None:
    topic = graph.WRENCH._replace(quality=Quality(reliable=True, deadline_s=0.05))
    sender, publisher, _, heard = pair(open_one, topic)
    publisher.publish(sender.make(topic.type))
    eventually(lambda: heard)
    assert "/left/wrench: got a deadline that was missed" in eventually(sender.problems)[-1]


def test_message_beyond_its_lifespan_is_not_delivered(open_one: OpenWire) -> None:
    topic = graph.STATUS._replace(quality=Quality(reliable=True, latched=True, lifespan_s=0.1))
    sender, listener, heard = open_one("sender"), open_one("listener"), []
    publisher = sender.publisher(topic)
    publisher.publish(status(sender, Level.OK, "old"))
    time.sleep(0.3)
    listener.subscribe(topic, lambda message: heard.append(read_status(message)[1]))
    eventually(publisher.matched)
    new = status(sender, Level.OK, "new")
    eventually(lambda: publisher.publish(new) or heard)  # a machine that stands still for a moment outlives one
    assert set(heard) == {"new"}


def test_senders_are_counted_as_they_come_and_go(open_one: OpenWire) -> None:
    listener, one, other = open_one("listener"), open_one("one"), open_one("other")
    for wire in (one, other):
        wire.publisher(graph.TARGET_POSE)
    eventually(lambda: len(listener.publishers_of(graph.TARGET_POSE)) == 2)
    one.close()
    eventually(lambda: len(listener.publishers_of(graph.TARGET_POSE)) == 1)


def test_senders_are_named_with_their_quality(open_one: OpenWire) -> None:
    listener, one, other = open_one("listener"), open_one("one"), open_one("other")
    one.publisher(graph.TARGET_POSE)
    other.publisher(graph.TARGET_POSE._replace(quality=Qualities.SENSOR.value))
    named = {Sender("/left/one", True), Sender("/left/other", False)}
    eventually(lambda: set(listener.publishers_of(graph.TARGET_POSE)) == named)


@pytest.mark.parametrize(("service", "fields"), [(graph.ESTOP, {}), (graph.ENABLE, {"data": True})])
def test_services_answer_whoever_calls(open_one: OpenWire, service: graph.Service, fields: dict[str, Any]) -> None:
    server, client, requests = open_one("server"), open_one("client"), list[Any]()
    server.serve(service, lambda request: (requests.append(request) is None, f"request {len(requests)}"))
    assert client.call(service, 10.0, **fields) == (True, "request 1")
    assert client.call(service, 10.0, **fields) == (True, "request 2")
    assert all(getattr(request, name) == value for request in requests for name, value in fields.items())


def test_service_without_a_server_is_answered_with_the_next_step(open_one: OpenWire) -> None:
    done, text = open_one("client").call(graph.ESTOP, 0.2)
    assert not done and "/left/impedance_controller/estop: got no answer in 0.2 s" in text


def test_two_arms_do_not_hear_each_other(open_one: OpenWire) -> None:
    left, right, heard = open_one("left"), open_one("right", "right"), []
    right.subscribe(graph.CURRENT_POSE, heard.append)
    publisher = left.publisher(graph.CURRENT_POSE)
    publisher.publish(pose_message(left, POSE, left.now_ns(), graph.BASE))
    right.subscribe(graph.TASK_STATE, lambda message: None)
    assert right.publishers_of(graph.CURRENT_POSE) == () and publisher.matched() == 0 and heard == []


def test_callback_that_raises_is_a_problem_and_leaves_the_others_alive(open_one: OpenWire) -> None:
    sender, publisher, listener, heard = pair(open_one, graph.CURRENT_POSE)

    def clumsy(message: Any) -> None:
        raise ValueError("oh")

    listener.subscribe(graph.WRENCH, clumsy)
    wrench = sender.publisher(graph.WRENCH)
    eventually(wrench.matched)
    wrench.publish(sender.make(graph.WRENCH.type))
    eventually(lambda: any("a callback raised ValueError('oh')" in text for text in listener.problems()))
    publisher.publish(pose_message(sender, POSE, sender.now_ns(), graph.BASE))
    eventually(lambda: heard)


def test_clock_is_the_epochs(open_one: OpenWire) -> None:
    assert abs(open_one("one").now_ns() - time.time_ns()) < 1_000_000_000


def test_closing_twice_is_harmless(open_one: OpenWire) -> None:
    wire = open_one("one")
    wire.close()
    wire.close()


def test_unknown_type_is_an_error_with_its_name(open_one: OpenWire) -> None:
    with pytest.raises((RobotRLError, ValueError), match="Pos"):
        open_one("one").make("geometry_msgs/msg/Pos")
