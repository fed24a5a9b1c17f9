"""Stops of an arm, each latched under its source until a person clears it.

`/emergency_stop` lies outside of the arms' namespaces: one stop stops every arm on the graph. Supervisors
(teleoperation nodes, actors with a device of their own) and controllers repeat a report there. A source that was heard
once is expected from then on: while it is silent the arm holds, and soon it is stopped. A clear lifts the stop of its
own source; `~/recover` lifts those that no source presses any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

REPORT_PERIOD_S = 0.02
HOLD_AFTER_S = 0.07  # silence of a source after which the arm holds: three reports are missing
STOP_AFTER_S = 0.2  # silence of a source after which the arm is stopped
_STALL_S = 0.04  # more time between two watches is this program's own pause, in which nothing could arrive


class StopReport(NamedTuple):
    """One report of a source."""

    source: str
    why: str
    """Cause of the stop that the source presses; empty without one."""
    clears: int = 0
    """Times that a person cleared its stop, since its start."""
    leaves: bool = False
    """The source ends in good order, and is expected no longer."""


@dataclass(slots=True)
class _Source:
    report: StopReport
    silent_s: float = 0.0


class Stops:
    """Latched stops of one arm, by their source."""

    def __init__(self) -> None:
        self.latched: dict[str, str] = {}
        """Source -> cause."""
        self.own_name = ""
        """Name of the controller, whose own reports come back to it."""
        self._own: set[str] = set()  # sources without reports
        self._sources: dict[str, _Source] = {}
        self._watched_s = float("inf")

    def press(self, source: str, why: str) -> None:
        """Latch a stop of a source that does not repeat itself, as a service's call."""
        self.latched[source] = why
        self._own.add(source)

    def take(self, report: StopReport) -> None:
        """Take a source's report."""
        if report.source == self.own_name:
            return
        name, known = report.source, self._sources.pop(report.source, None)
        if not report.leaves:
            self._sources[name] = _Source(report)
        if report.why:
            self.latched[name] = report.why
        elif known is not None and report.clears > known.report.clears:
            self.latched.pop(name, None)

    def watch(self, now_s: float) -> None:
        """Latch the stop of sources that are silent."""
        elapsed_s = min(max(now_s - self._watched_s, 0.0), _STALL_S)
        self._watched_s = now_s
        for name, source in self._sources.items():
            source.silent_s += elapsed_s
            if source.silent_s > STOP_AFTER_S:
                self.latched.setdefault(name, f"silent for {STOP_AFTER_S} s")

    def silent(self) -> str:
        """Return the sources that are missing now; empty when all report."""
        return ", ".join(name for name, source in self._sources.items() if source.silent_s > HOLD_AFTER_S)

    def clear(self) -> str:
        """Lift what no source presses any more, forget silent sources, and return what still stops the arm."""
        gone = [name for name, source in self._sources.items() if source.silent_s > STOP_AFTER_S]
        for name in gone:
            del self._sources[name]
        pressed = {name: source.report.why for name, source in self._sources.items() if source.report.why}
        self.latched = pressed
        return self.text()

    def report(self) -> StopReport:
        """Return the controller's own report: the stops that no other source reports."""
        return StopReport(self.own_name, "; ".join(name for name in self.latched if name in self._own))

    def text(self) -> str:
        """Return sources and causes; empty without a stop."""
        return "; ".join(f"{name}: {why}" for name, why in self.latched.items())
