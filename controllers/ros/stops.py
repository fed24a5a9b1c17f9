"""Stops of an arm, each latched under its source until a person clears it.

`/emergency_stop` lies outside of the arms' namespaces: one stop stops every arm on the graph. Supervisors
(teleoperation nodes, actors with a device of their own) and controllers repeat a report there. A source that was heard
once is expected from then on. While it is late the arm holds, and goes on when it reports again: its computer is busy.
When its process has ended on this computer, or it is silent for long, the stop is latched. A clear lifts the stop of
its own source, and those of others by their names; `~/recover` lifts those that no source presses any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from controllers.ros import graph
from controllers.ros.liveness import ProcessWatch

REPORT_PERIOD_S = 0.02
WATCH_PERIOD_S = 0.01
HOLD_AFTER_S = 0.07  # silence of a source after which the arm holds: three reports are missing
STOP_AFTER_S = 1.0  # silence of a source after which the arm is stopped: its process hangs, or its computer is cut off
END_WATCHES = 2  # of an ended process, between which its last report may arrive
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
    process: str = ""
    """Identity of the source's process (`liveness.py`); empty: its end is known by its silence only."""
    lifts: tuple[str, ...] = ()
    """Sources whose stops the person's last clear lifts as well, by name."""


@dataclass(slots=True)
class _Source:
    report: StopReport
    process: ProcessWatch
    silent_s: float = 0.0
    ended: int = 0  # watches since the end of its process

    @property
    def gone(self) -> bool:
        return self.silent_s > STOP_AFTER_S or self.ended >= END_WATCHES


class WatchedTime:
    """Time between two watches, without the pauses of this program itself."""

    def __init__(self) -> None:
        self._watched_s = float("inf")

    def elapsed_s(self, now_s: float) -> float:
        """Return the time since the last call [s]."""
        elapsed_s = min(max(now_s - self._watched_s, 0.0), _STALL_S)
        self._watched_s = now_s
        return elapsed_s


class Stops:
    """Latched stops of one arm, by their source."""

    def __init__(self) -> None:
        self.latched: dict[str, str] = {}
        """Source -> cause."""
        self.own_name = ""
        """Name of the controller, whose own reports come back to it."""
        self._own: set[str] = set()  # sources without reports
        self._sources: dict[str, _Source] = {}
        self._watched = WatchedTime()

    def press(self, source: str, why: str) -> None:
        """Latch a stop of a source of this arm that does not repeat itself, as a service's call."""
        name = graph.in_namespace(source, self.own_name.rpartition("/")[0])  # lifted on this arm only
        self.latched[name] = why
        self._own.add(name)

    def take(self, report: StopReport) -> None:
        """Take a source's report."""
        if report.source == self.own_name:
            return
        name, known = report.source, self._sources.pop(report.source, None)
        if not report.leaves:
            same = known is not None and known.report.process == report.process
            self._sources[name] = _Source(report, known.process if known and same else ProcessWatch(report.process))
        if report.why:
            self.latched[name] = report.why
        elif known is not None and report.clears > known.report.clears:
            self._lift({name, *report.lifts} - self._pressed().keys())

    def watch(self, now_s: float) -> None:
        """Latch the stop of sources that are gone."""
        elapsed_s = self._watched.elapsed_s(now_s)
        for name, source in self._sources.items():
            source.silent_s += elapsed_s
            source.ended += source.process.ended()
            if source.gone:
                why = "its process has ended" if source.ended else f"silent for {STOP_AFTER_S:g} s"
                self.latched.setdefault(name, why)

    def silent(self) -> str:
        """Return the sources that are late now; empty when all report."""
        late = (name for name, each in self._sources.items() if each.silent_s > HOLD_AFTER_S or each.ended)
        return ", ".join(late)

    def clear(self) -> tuple[str, str]:
        """Lift what no source presses any more, and return what was lifted and what still stops the arm."""
        lifted = self._lift(self.latched.keys() - self._pressed().keys())
        return lifted, self.text()

    def _lift(self, names: set[str]) -> str:
        """Lift the stops of sources, expect those that are gone no longer, and return their names and causes."""
        lifted = {name: self.latched.pop(name) for name in list(self.latched) if name in names}
        self._sources = {
            name: source for name, source in self._sources.items() if name not in lifted or not source.gone
        }
        return as_text(lifted)

    def _pressed(self) -> dict[str, str]:
        return {
            name: source.report.why for name, source in self._sources.items() if source.report.why and not source.gone
        }

    def report(self) -> StopReport:
        """Return the controller's own report: the stops that no other source reports."""
        return StopReport(self.own_name, "; ".join(name for name in self.latched if name in self._own))

    def text(self) -> str:
        """Return sources and causes; empty without a stop."""
        return as_text(self.latched)


def as_text(stops: Mapping[str, str]) -> str:
    """Return stops as `source: cause; ...`."""
    return "; ".join(f"{name}: {why}" for name, why in stops.items())
