"""A command and a state on topics of a file outside the package, over the controller and by the served simulation."""

import numpy as np
import pytest

from controllers.extensions import ExtensionError
from controllers.ros import graph, to_ros
from controllers.ros.topics import find_topics
from robot_rl.nodes.served_simulation import ServeConfig
from tests.contracts.listings import listing
from tests.controllers.ros.test_controller import Node


@pytest.fixture
def names(tmp_path) -> tuple[str, str]:
    file = tmp_path / "lab_topics.py"
    file.write_text(listing("lab_topics.py"), encoding="utf-8")
    return f"{file}:TargetPosition", f"{file}:Manipulability"


def send_point(node, topic, p):
    message = node.client.make(topic.type)
    message.point.x, message.point.y, message.point.z = p
    node.client.publisher(topic).publish(to_ros.stamped(message, node.client.now_ns(), graph.BASE))


def test_a_command_and_a_state_of_a_file_are_served_under_the_same_checks(names):
    command, state = topics = find_topics(["", *names])
    node = Node(topics).attach()
    read = []
    node.client.subscribe(state.topic, read.append)
    assert node.controller.activate()[0]
    send_point(node, command.topic, (0.45, 0.1, 0.3))
    np.testing.assert_array_equal(node.loop.sent[-1].p, [0.45, 0.1, 0.3])
    node.loop.values["J"] = np.eye(6, 7)
    node.controller.publish_states()
    assert read[-1].data == 1.0
    node.client.call(graph.ESTOP, 1.0)
    sent = len(node.loop.sent)
    send_point(node, command.topic, (0.4, 0.0, 0.3))
    assert len(node.loop.sent) == sent and command.topic.name in node.controller.commands.rejections.last


def test_an_unknown_topic_is_refused_with_what_is_expected(names):
    with pytest.raises(ExtensionError, match="module:Class"):
        find_topics(["target_positoin"])
    with pytest.raises(ExtensionError, match="module:Class"):
        ServeConfig(topics=("target_positoin",))
