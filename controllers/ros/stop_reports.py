"""Reports of a controller's own stops on the graph."""

import math
from collections.abc import Callable

from controllers.ros import graph, to_ros
from controllers.ros.liveness import process_identity
from controllers.ros.stops import REPORT_PERIOD_S, Stops
from controllers.ros.wire import Wire


class StopReports:
    """Publisher of the reports of one controller's stops.

    Args:
        now_s: a monotonic clock.
    """

    def __init__(self, stops: Stops, now_s: Callable[[], float]) -> None:
        self._stops, self._now_s = stops, now_s
        self._process, self._published_s = process_identity(), -math.inf

    def wait(self, duration_s: float, sleep: Callable[[float], None], publish: Callable[[], None]) -> None:
        """Wait for the arm; the others must not miss the reports meanwhile."""
        slices = math.ceil(duration_s / REPORT_PERIOD_S)
        for _ in range(slices):
            sleep(duration_s / slices)
            if self._now_s() - self._published_s >= REPORT_PERIOD_S:
                publish()

    def publish(self, wire: Wire | None, trouble: str, leaves: bool = False) -> None:
        """Publish a report on an open wire; `trouble` is a fault of the control process."""
        if wire is None:
            return
        self._published_s = self._now_s()
        report = self._stops.report()._replace(leaves=leaves, process=self._process)
        report = report._replace(why=report.why or trouble)
        wire.publisher(graph.STOP).publish(to_ros.stop_report_message(wire, report))
