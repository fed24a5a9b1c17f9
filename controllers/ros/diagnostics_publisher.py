"""What the node says about the loop, to the graph: a status that speaks when it changes, diagnostics that always do."""

from __future__ import annotations

from typing import Any

from controllers.ros import graph, to_ros
from controllers.ros.diagnostics import StatusReport
from controllers.ros.endpoints import message_class, publisher


class Reports:
    """Publishers of `~/status` and `/diagnostics`, which live as long as the node.

    Args:
        node: of rclpy.
        hardware: which arm, in words.
    """

    def __init__(self, node: Any, hardware: str) -> None:
        self._node, self._hardware = node, hardware
        self._status, self._diagnostics = publisher(node, graph.STATUS), publisher(node, graph.DIAGNOSTICS)
        self._said: StatusReport | None = None

    def tell_status(self, report: StatusReport) -> None:
        """Publish the status where it says something else than before."""
        if report != self._said:
            self._said = report
            self._status.publish(self._message(report))

    def tell_diagnostics(self, report: StatusReport) -> None:
        """Publish the metrics."""
        message = message_class(graph.DIAGNOSTICS.type)()
        message.status = [self._message(report)]
        self._diagnostics.publish(to_ros.stamped(message, self._node.get_clock().now().nanoseconds, ""))

    def _message(self, report: StatusReport) -> Any:
        name, empty = self._node.get_fully_qualified_name().strip("/"), message_class(graph.STATUS.type)()
        return to_ros.put_report(empty, report, name, self._hardware, message_class("diagnostic_msgs/msg/KeyValue"))
