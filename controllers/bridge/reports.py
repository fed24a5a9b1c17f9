"""What the node says about the loop, to the graph: a status that speaks when it changes, diagnostics that always do."""

from __future__ import annotations

from typing import Any

from controllers import graph
from controllers.bridge import outgoing
from controllers.bridge.endpoints import message_class, publisher
from controllers.bridge.figures import Report


class Reports:
    """Publishers of `~/status` and `/diagnostics`, which live as long as the node.

    Args:
        node: of rclpy.
        hardware: which arm, in words.
    """

    def __init__(self, node: Any, hardware: str) -> None:
        self._node, self._hardware = node, hardware
        self._status, self._diagnostics = publisher(node, graph.STATUS), publisher(node, graph.DIAGNOSTICS)
        self._said: Report | None = None

    def tell_status(self, report: Report) -> None:
        """Publish the status where it says something else than before."""
        if report != self._said:
            self._said = report
            self._status.publish(self._message(report))

    def tell_diagnostics(self, report: Report) -> None:
        """Publish the figures."""
        message = message_class(graph.DIAGNOSTICS.type)()
        message.status = [self._message(report)]
        self._diagnostics.publish(outgoing.stamped(message, self._node.get_clock().now().nanoseconds, ""))

    def _message(self, report: Report) -> Any:
        name, empty = self._node.get_fully_qualified_name().strip("/"), message_class(graph.STATUS.type)()
        return outgoing.put_report(empty, report, name, self._hardware, message_class("diagnostic_msgs/msg/KeyValue"))
