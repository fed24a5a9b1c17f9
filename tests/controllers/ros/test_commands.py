"""Who may command over the graph, and what is said about those who may not; by a scripted node."""

from types import SimpleNamespace as Thing

import pytest

from controllers.ros import graph
from controllers.ros.command_handler import CommandHandler
from controllers.ros.commands import ALIAS_TARGET, Commands
from controllers.ros.rejection import RejectReason
from controllers.ros.ros_time import Stamps
from tests.controllers.ros import ros_messages


class ScriptedNode:
    """What the commands need of a node: a log, and who publishes."""

    def __init__(self):
        self.warnings, self.publishers = [], {}

    def get_logger(self):
        return Thing(warning=self.warnings.append)

    def resolve_topic_name(self, name):
        return f"/{name}"

    def get_publishers_info_by_topic(self, name):
        return self.publishers.get(name, [])


class Subscriptions(dict):
    """In place of endpoints: what each topic calls, by its name."""

    def subscribe(self, topic, heard, events):
        self[topic.name] = Thing(heard=heard, **events)


def info(node, reliability="RELIABLE"):
    return Thing(node_namespace="/", node_name=node, qos_profile=Thing(reliability=Thing(name=reliability)))


@pytest.fixture
def node():
    return ScriptedNode()


@pytest.fixture
def pilot():
    return CommandHandler(Stamps(lambda: 1_000_000_000, lambda: 1_000_000_000), lambda: 1.0, lambda seconds: None)


@pytest.fixture
def commands(node, pilot):
    return Commands(node, pilot, dict)


def test_every_command_of_the_table_and_crisps_name_are_subscribed(commands):
    commands.open(heard := Subscriptions())
    table = {topic.name for topic in vars(graph).values() if isinstance(topic, graph.Topic) and "target_" in topic.name}
    assert set(heard) == table | {ALIAS_TARGET.name, graph.HUMAN_STOP.name}


def test_a_persons_stop_is_latched_and_its_end_lifts_nothing(commands, pilot):
    commands.open(heard := Subscriptions())
    for pressed in (False, True, False):
        heard[graph.HUMAN_STOP.name].heard(Thing(data=pressed))
        assert pilot.arbiter.estopped is (pressed or pilot.arbiter.estopped)
    assert pilot.arbiter.estopped


def test_anybody_may_stop_without_a_conflict(commands, node, pilot):
    node.publishers[f"/{graph.HUMAN_STOP.name}"] = [info("teleop"), info("page")]
    commands.look_at_publishers(1.0)
    assert pilot.arbiter.held(1.0) == ""


def test_refusals_are_counted_and_a_stream_of_them_is_logged_once(commands, node):
    commands.open(heard := Subscriptions())
    for _ in range(3):
        heard[graph.TARGET_POSE.name].heard(ros_messages.pose(frame="tool0"))
    assert commands.tally.counts == {RejectReason.FRAME: 3} and len(node.warnings) == 1
    assert node.warnings[0].startswith(f"{graph.TARGET_POSE.name} refused: ")


def test_publisher_of_another_quality_is_logged_and_in_the_diagnostics(commands, node):
    commands.open(heard := Subscriptions())
    heard[graph.TARGET_TWIST.name].incompatible_qos(Thing(last_policy_kind=2))
    assert graph.TARGET_TWIST.name in commands.qos_events[-1] and "publish reliably" in node.warnings[-1]


def test_best_effort_publishers_are_named_until_they_are_gone(commands, node):
    node.publishers[f"/{graph.TARGET_POSE.name}"] = [info("policy"), info("careless", "BEST_EFFORT")]
    commands.look_at_publishers(1.0)
    assert [text.split(" publishes")[0] for text in commands.unheard] == [f"{graph.TARGET_POSE.name}: careless"]
    node.publishers.clear()
    commands.look_at_publishers(2.0)
    assert commands.unheard == ()


def test_two_publishers_of_one_topic_make_the_arbiter_hold(commands, node, pilot):
    node.publishers[f"/{graph.TARGET_POSE.name}"] = [info("policy"), info("stranger")]
    commands.look_at_publishers(1.0)
    held = pilot.arbiter.held(1.0)
    assert "/policy" in held and "/stranger" in held
