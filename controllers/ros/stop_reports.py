"""Stops on the graph: a Bool of any program, reports of the sources of `stops.py`, and the controller's own."""

import math
from collections.abc import Callable
from typing import Any

from controllers.ros import from_ros, graph, to_ros
from controllers.ros.liveness import process_identity
from controllers.ros.stops import REPORT_PERIOD_S, Stops
from controllers.ros.wire import Wire


def take_stop(handler: Any, topic: str, priority: Any, message: Any) -> None:
    """Take a Bool: true stops the arm, latched, whatever its state; false changes nothing."""
    if message.data:
        handler.estop(topic)


def take_report(handler: Any, topic: str, priority: Any, message: Any) -> None:
    """Take a source's report of its stop."""
    handler.arbiter.stops.take(from_ros.stop_report_of(message))
    handler.stop_if_latched()


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
