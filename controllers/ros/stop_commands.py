"""Commands that stop the arm: a plain Bool from any program, and the reports of the sources of `stops.py`."""

from __future__ import annotations

from typing import Any

from controllers.ros import from_ros
from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler


def take_stop(handler: CommandHandler, topic: str, priority: CommandPriority, message: Any) -> None:
    """Take a Bool: true stops the arm, latched, whatever its state; false changes nothing."""
    if message.data:
        handler.estop(topic)


def take_report(handler: CommandHandler, topic: str, priority: CommandPriority, message: Any) -> None:
    """Take a source's report of its stop."""
    handler.arbiter.stops.take(from_ros.stop_report_of(message))
    handler.stop_if_latched()
