"""Topics of a controller beside its own: each a class in a file of its own, named by the parameter `topics`.

A command has `topic`, `priority` and `take(handler, topic, priority, message)`: it sends a target through the handler's
methods, or raises CommandRejected. A state has `topic` and `fill(message, state)`: it fills a message from the loop's
last report. Both are named by `module:Class`, `file.py:Class`, or an entry point of the group `robot_rl.topics`.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from controllers.extensions import resolve
from controllers.host.motions import MotionKind
from controllers.ros import from_ros, graph
from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.rejection import CommandRejected, RejectReason

GROUP = "robot_rl.topics"


class Command(NamedTuple):
    """One command topic: its priority, and the function that takes its messages."""

    topic: graph.Topic
    priority: CommandPriority
    take: Callable[[CommandHandler, str, CommandPriority, Any], None]


def take_stop(handler: CommandHandler, topic: str, rank: CommandPriority, message: Any) -> None:
    """Take a Bool: true stops the arm, latched, whatever its state; false changes nothing."""
    if message.data:
        handler.estop(topic)


def take_report(handler: CommandHandler, topic: str, rank: CommandPriority, message: Any) -> None:
    """Take a source's report of its stop."""
    handler.arbiter.stops.take(from_ros.stop_report_of(message))
    handler.stop_if_latched()


def take_joint_motion(handler: CommandHandler, topic: str, rank: CommandPriority, message: Any) -> None:
    """Take a JointState: a joint motion, checked by the loop before it starts; any command ends it.

    Raises:
        CommandRejected: other joints, an old stamp, no command may pass now, or the loop refuses the motion.
    """
    q = from_ros.posture_of(message, handler.joints)
    handler.stamps.monotonic_s(from_ros.stamp_ns(message))
    loop, _ = handler.admit(topic, rank)
    speed = float(message.velocity[0]) if len(message.velocity) else 1.0
    if text := handler.motions.start(loop, MotionKind.JOINTS, q, speed):
        raise CommandRejected(RejectReason.LIMIT, text)


POLICY, HUMAN, ESTOP = CommandPriority.POLICY, CommandPriority.HUMAN, CommandPriority.ESTOP
COMMANDS = (
    Command(graph.TARGET_POSE, POLICY, CommandHandler.take_pose),
    Command(graph.TARGET_TWIST, POLICY, CommandHandler.take_twist),
    Command(graph.HUMAN_POSE, HUMAN, CommandHandler.take_pose),
    Command(graph.HUMAN_TWIST, HUMAN, CommandHandler.take_twist),
    Command(graph.HUMAN_STOP, ESTOP, take_stop),
    Command(graph.STOP, ESTOP, take_report),
    Command(graph.TARGET_WRENCH, POLICY, CommandHandler.take_wrench),
    Command(graph.TARGET_STIFFNESS, POLICY, CommandHandler.take_gains),
    Command(graph.TARGET_JOINT, POLICY, CommandHandler.take_joint),
    Command(graph.JOINT_MOTION, POLICY, take_joint_motion),
    Command(graph.at_root(graph.TARGET_POSE), POLICY, CommandHandler.take_pose),
    Command(graph.at_root(graph.TARGET_WRENCH), POLICY, CommandHandler.take_wrench),
    Command(graph.at_root(graph.TARGET_STIFFNESS), POLICY, CommandHandler.take_gains),
    Command(graph.at_root(graph.TARGET_JOINT), POLICY, CommandHandler.take_joint),
)


def find_topics(names: Iterable[str]) -> list[Any]:
    """Return the topics of these names; empty ones are left out.

    Raises:
        ExtensionError: no such topic.
    """
    return [resolve("topic", name, {}, GROUP) for name in names if name]
