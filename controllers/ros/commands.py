"""Commands from the graph to the pilot: who may send what, what was refused, and who is not heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from controllers.ros import graph
from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.endpoints import Endpoints
from controllers.ros.rejection import CommandRejected, RejectCounter

ALIAS_TARGET = graph.TARGET_POSE._replace(name="target_pose")  # crisp_controllers' name
Take = Callable[[str, CommandPriority, Any], None]


class Commands:
    """Hears all topics that command the arm.

    Args:
        node: of rclpy; its log tells of refusals that are news.
        events: rclpy's class of a subscription's event callbacks.
    """

    def __init__(self, node: Any, pilot: CommandHandler, events: Callable[..., Any]) -> None:
        self._node, self._events, self._pilot = node, events, pilot
        self._taken: tuple[tuple[graph.Topic, CommandPriority, Take], ...] = (
            (graph.TARGET_POSE, CommandPriority.POLICY, pilot.take_pose),
            (ALIAS_TARGET, CommandPriority.POLICY, pilot.take_pose),
            (graph.TARGET_TWIST, CommandPriority.POLICY, pilot.take_twist),
            (graph.HUMAN_POSE, CommandPriority.HUMAN, pilot.take_pose),
            (graph.HUMAN_TWIST, CommandPriority.HUMAN, pilot.take_twist),
            (graph.HUMAN_STOP, CommandPriority.ESTOP, pilot.take_stop),
            (graph.TARGET_WRENCH, CommandPriority.POLICY, pilot.take_wrench),
            (graph.TARGET_STIFFNESS, CommandPriority.POLICY, pilot.take_stiffness),
            (graph.TARGET_JOINT, CommandPriority.POLICY, pilot.take_joint),
        )
        self.tally = RejectCounter()
        self.qos_events: deque[str] = deque(maxlen=8)
        self.unheard: tuple[str, ...] = ()
        """Publishers that offer less than is asked for, at the last look."""

    def open(self, endpoints: Endpoints) -> None:
        """Subscribe to all of them."""
        for topic, rank, take in self._taken:
            events = self._events(incompatible_qos=partial(self._on_incompatible, topic.name))
            endpoints.subscribe(topic, partial(self._on_command, take, topic.name, rank), events)

    def look_at_publishers(self, now_s: float) -> None:
        """Tell the arbiter who publishes what: two of one topic would take turns with the arm."""
        publishers, unheard = {}, []
        for topic, rank, _ in self._taken:
            if rank == CommandPriority.ESTOP:  # anybody may stop
                continue
            found = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(topic.name))
            publishers[topic.name] = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in found]
            unheard += [
                f"{topic.name}: {info.node_name} publishes best-effort and is not heard; publish reliably"
                for info in found
                if info.qos_profile.reliability.name == "BEST_EFFORT"
            ]
        self.unheard = tuple(unheard)
        self._pilot.arbiter.see_publishers(publishers, now_s)

    def _on_command(self, take: Take, topic: str, rank: CommandPriority, message: Any) -> None:
        try:
            take(topic, rank, message)
        except CommandRejected as refused:
            if self.tally.note(topic, refused):
                self._node.get_logger().warning(f"{topic} refused: {refused}")

    def _on_incompatible(self, topic: str, event: Any) -> None:
        text = f"{topic}: a publisher offers less than this node asks for (policy {event.last_policy_kind})"
        self.qos_events.append(text)
        self._node.get_logger().warning(f"{text}; publish reliably")
