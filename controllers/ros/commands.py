"""Command topics: subscriptions, rejections, and publishers of insufficient QoS."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.rejection import CommandRejected, RejectCounter, RejectReason
from controllers.ros.topics import COMMANDS
from controllers.ros.wire import Wire


class Commands:
    """Subscriptions of all command topics.

    Args:
        log: logs new rejections by `warning`.
        more: command topics beside the controller's own; see `controllers.ros.topics`.
    """

    def __init__(self, handler: CommandHandler, log: Any, more: Iterable[Any] = ()) -> None:
        self._handler, self._log = handler, log
        self._wire: Wire | None = None
        self._taken = (*COMMANDS, *more)
        self.paused = ""
        """Why the commands of a policy are refused; empty: they are not."""
        self.rejections = RejectCounter()
        self.unheard: tuple[str, ...] = ()
        """Publishers with insufficient QoS at the last check."""

    def open(self, wire: Wire) -> None:
        """Subscribe to all command topics."""
        self._wire = wire
        for command in self._taken:
            wire.subscribe(command.topic, partial(self._on_command, command))

    def close(self) -> None:
        """Release the wire, which closes the subscriptions."""
        self._wire, self.unheard = None, ()

    def watch_publishers(self, now_s: float) -> None:
        """Report the publishers of each topic to the arbiter, so that two on one topic are a conflict."""
        publishers, unheard = {}, []
        for topic, rank in ((command.topic, command.priority) for command in self._taken):
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

    def _on_command(self, command: Any, message: Any) -> None:
        name = command.topic.name
        try:
            if self.paused and command.priority == CommandPriority.POLICY:
                raise CommandRejected(RejectReason.BLOCKED, self.paused)
            command.take(self._handler, name, command.priority, message)
        except CommandRejected as rejected:
            if self.rejections.note(name, rejected):
                verdict = "limited" if rejected.kind is RejectReason.CLIPPED else "refused"
                self._log.warning(f"{name} {verdict}: {rejected}")
