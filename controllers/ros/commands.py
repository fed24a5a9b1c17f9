"""Command topics: subscriptions, rejections, and publishers of insufficient QoS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from controllers.ros import graph
from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.rejection import CommandRejected, RejectCounter, RejectReason
from controllers.ros.wire import Wire

ALIAS_TARGET = graph.TARGET_POSE._replace(name="target_pose")  # crisp_controllers' name
Take = Callable[[str, CommandPriority, Any], None]


class Commands:
    """Subscriptions of all command topics.

    Args:
        log: logs new rejections by `warning`.
    """

    def __init__(self, handler: CommandHandler, log: Any) -> None:
        self._handler, self._log = handler, log
        self._wire: Wire | None = None
        self._taken: tuple[tuple[graph.Topic, CommandPriority, Take], ...] = (
            (graph.TARGET_POSE, CommandPriority.POLICY, handler.take_pose),
            (ALIAS_TARGET, CommandPriority.POLICY, handler.take_pose),
            (graph.TARGET_TWIST, CommandPriority.POLICY, handler.take_twist),
            (graph.HUMAN_POSE, CommandPriority.HUMAN, handler.take_pose),
            (graph.HUMAN_TWIST, CommandPriority.HUMAN, handler.take_twist),
            (graph.HUMAN_STOP, CommandPriority.ESTOP, handler.take_stop),
            (graph.STOP, CommandPriority.ESTOP, handler.take_report),
            (graph.TARGET_WRENCH, CommandPriority.POLICY, handler.take_wrench),
            (graph.TARGET_STIFFNESS, CommandPriority.POLICY, handler.take_gains),
            (graph.TARGET_JOINT, CommandPriority.POLICY, handler.take_joint),
        )
        self.rejections = RejectCounter()
        self.unheard: tuple[str, ...] = ()
        """Publishers with insufficient QoS at the last check."""

    def open(self, wire: Wire) -> None:
        """Subscribe to all command topics."""
        self._wire = wire
        for topic, rank, take in self._taken:
            wire.subscribe(topic, partial(self._on_command, take, topic.name, rank))

    def close(self) -> None:
        """Release the wire, which closes the subscriptions."""
        self._wire, self.unheard = None, ()

    def watch_publishers(self, now_s: float) -> None:
        """Report the publishers of each topic to the arbiter, so that two on one topic are a conflict."""
        publishers, unheard = {}, []
        for topic, rank, _ in self._taken:
            if rank == CommandPriority.ESTOP or self._wire is None:  # any source may stop
                continue
            senders = self._wire.publishers_of(topic)
            publishers[topic.name] = [sender.node for sender in senders]
            unheard += [
                f"{topic.name}: {sender.node} publishes best-effort and is not received; publish reliably"
                for sender in senders
                if not sender.reliable
            ]
        for text in set(unheard) - set(self.unheard):
            self._log.warning(text)
        self.unheard = tuple(unheard)
        self._handler.arbiter.see_publishers(publishers, now_s)

    def _on_command(self, take: Take, topic: str, rank: CommandPriority, message: Any) -> None:
        try:
            take(topic, rank, message)
        except CommandRejected as rejected:
            if self.rejections.note(topic, rejected):
                verdict = "limited" if rejected.kind is RejectReason.CLIPPED else "refused"
                self._log.warning(f"{topic} {verdict}: {rejected}")
