"""Publishers of the controller's status (on change) and diagnostics (periodic)."""

from typing import Any

from controllers.ros import graph, to_ros
from controllers.ros.diagnostics import StatusReport
from controllers.ros.wire import Wire


class Reports:
    """Publishers of `~/status` and `/diagnostics`, with the node's lifetime.

    Args:
        name: full name of the node.
        hardware: description of the arm.
    """

    def __init__(self, wire: Wire, name: str, hardware: str) -> None:
        self._wire, self._name, self._hardware = wire, name.strip("/"), hardware
        self._status, self._diagnostics = wire.publisher(graph.STATUS), wire.publisher(graph.DIAGNOSTICS)
        self._published: StatusReport | None = None

    def publish_status(self, report: StatusReport) -> None:
        """Publish the status if it has changed."""
        if report != self._published:
            self._published = report
            self._status.publish(self._message(report))

    def publish_diagnostics(self, report: StatusReport) -> None:
        """Publish the metrics."""
        message = self._wire.make(graph.DIAGNOSTICS.type, status=[self._message(report)])
        self._diagnostics.publish(to_ros.stamped(message, self._wire.now_ns(), ""))

    def _message(self, report: StatusReport) -> Any:
        return to_ros.status_message(self._wire, report, self._name, self._hardware)
