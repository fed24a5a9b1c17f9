"""Takeovers beside a rollout: a line each, as in the events of the operator's page."""

from collections.abc import Callable

from robot_rl.runtime.acting.monitor import Monitor, StepView
from robot_rl.runtime.acting.takeovers import Takeovers, end_in_words
from robot_rl.teleop.arbiter import ControlAuthority


class TakeoverNotes(Monitor):
    """Shows the line of each takeover, and passes everything on to another monitor.

    Args:
        period_s: of a step.
        who: takes over.
        show: receives the lines.
    """

    def __init__(self, monitor: Monitor, period_s: float, who: str, show: Callable[[str], None]) -> None:
        self._monitor, self._period_s, self._takeovers, self._show = monitor, period_s, Takeovers(who), show

    def begin(self) -> None:
        """Begin an episode."""
        self._takeovers.begin()
        self._monitor.begin()

    def step(self, view: StepView) -> None:
        """Take in a step."""
        stopped = view.charge is ControlAuthority.ESTOP
        end = end_in_words(view.success, view.failure, view.fault, False, stopped) if view.last else ""
        if line := self._takeovers.step(view.charge.name.lower(), self._period_s, end):
            self._show(line)
        self._monitor.step(view)

    def show(self, text: str) -> None:
        """Show what the person has to do."""
        self._monitor.show(text)

    def note(self, text: str) -> None:
        """Note what has happened."""
        self._monitor.note(text)
