"""Arbitration of commands on the graph: accepted senders, and the reasons published for rejected ones."""

from types import SimpleNamespace as Thing

import pytest

from controllers.ros import graph
from controllers.ros.command_handler import CommandHandler
from controllers.ros.commands import Commands
from controllers.ros.rejection import RejectReason
from controllers.ros.ros_time import Stamps
from controllers.ros.wire import Sender
from tests.controllers.ros import ros_messages


class ScriptedWire:
    """What the commands need of a wire: who listens to what, and who publishes."""

    def __init__(self):
        self.listeners, self.senders = {}, {}

    def subscribe(self, topic, callback):
        self.listeners[topic.name] = callback

    def publishers_of(self, topic):
        return self.senders.get(topic.name, ())


class Log(list):
    def warning(self, text):
        self.append(text)


@pytest.fixture
def wire():
    return ScriptedWire()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def handler():
    return CommandHandler(Stamps(lambda: 1_000_000_000, lambda: 1_000_000_000), lambda: 1.0, lambda seconds: None)


@pytest.fixture
def commands(handler, log, wire):
    commands = Commands(handler, log)
    commands.open(wire)
    return commands


def test_every_command_of_the_table_and_crisps_name_are_subscribed(commands, wire):
    table = {topic.name for topic in vars(graph).values() if isinstance(topic, graph.Topic) and "target_" in topic.name}
    crisps = {"target_pose", "target_wrench", "target_stiffness", "target_joint"}
    assert set(wire.listeners) == table | crisps | {
        graph.HUMAN_STOP.name,
        graph.STOP.name,
        graph.JOINT_MOTION.name,
    }


def test_a_persons_stop_is_latched_and_its_end_lifts_nothing(commands, wire, handler):
    stop = wire.listeners[graph.HUMAN_STOP.name]
    stop(Thing(data=False))
    assert not handler.arbiter.estopped
    for pressed in (True, False):
        stop(Thing(data=pressed))
        assert handler.arbiter.estopped


def test_anybody_may_stop_without_a_conflict(commands, wire, handler):
    wire.senders[graph.HUMAN_STOP.name] = (Sender("/teleop"), Sender("/page"))
    commands.watch_publishers(1.0)
    assert handler.arbiter.held(1.0) == ""


def test_refusals_are_counted_and_a_stream_of_them_is_logged_once(commands, wire, log):
    for _ in range(3):
        wire.listeners[graph.TARGET_POSE.name](ros_messages.pose(frame="tool0"))
    assert commands.rejections.counts == {RejectReason.FRAME: 3} and len(log) == 1
    assert log[0].startswith(f"{graph.TARGET_POSE.name} refused: ")


def test_best_effort_publishers_are_named_until_they_are_gone_and_logged_once(commands, wire, log):
    wire.senders[graph.TARGET_POSE.name] = (Sender("/policy"), Sender("/careless", reliable=False))
    for _ in range(2):
        commands.watch_publishers(1.0)
    assert [text.split(" publishes")[0] for text in commands.unheard] == [f"{graph.TARGET_POSE.name}: /careless"]
    assert log == list(commands.unheard)
    wire.senders.clear()
    commands.watch_publishers(2.0)
    assert commands.unheard == ()


def test_two_publishers_of_one_topic_make_the_arbiter_hold(commands, wire, handler):
    wire.senders[graph.TARGET_POSE.name] = (Sender("/policy"), Sender("/stranger"))
    commands.watch_publishers(1.0)
    held = handler.arbiter.held(1.0)
    assert "/policy" in held and "/stranger" in held


def test_while_joint_motions_have_the_arm_targets_of_a_policy_are_refused_and_a_person_may_stop(
    commands, wire, handler
):
    commands.paused = "joint_trajectory_controller is active"
    wire.listeners[graph.at_root(graph.TARGET_POSE).name](ros_messages.pose())
    assert commands.rejections.counts == {RejectReason.BLOCKED: 1} and "joint_trajectory" in commands.rejections.last
    wire.listeners[graph.HUMAN_STOP.name](Thing(data=True))
    assert handler.arbiter.estopped
