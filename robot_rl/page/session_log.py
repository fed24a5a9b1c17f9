"""Log of what the page has seen: events in words, and the episodes that ended."""

import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot_rl.runtime.acting.takeovers import OUT_OF_TIME, PERSON, Takeovers, end_in_words

EVENTS_MAX = 60
EPISODES_MAX = 2000
CHARGE = {
    "idle": "nothing moves the arm",
    "policy": "the policy moves the arm",
    "retreat": "the arm retreats: it was stuck",
    "human": "a person moves the arm",
    "estop": "emergency stop",
}


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    wall_s: float
    kind: str
    """One of charge, correction, success, failure, end, label, fault, note, page."""
    text: str


class SessionLog:
    """Turns reports of steps into events.

    Args:
        file: keeps them beyond this process, one JSON line each; what is there is read.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.episodes: deque[dict[str, Any]] = deque(maxlen=EPISODES_MAX)
        """Of the metrics that the run's files would hold."""
        self._file = file
        if file is not None and file.is_file():
            self._restore(file)
        self._takeovers = Takeovers()
        charge = self.newest("charge")
        self._charge = next((name for name, text in CHARGE.items() if text == charge), "")

    def newest(self, kind: str) -> str | None:
        """Return the text of the newest event of a kind."""
        return next((event.text for event in reversed(self.events) if event.kind == kind), None)

    def add(self, wall_s: float, kind: str, text: str) -> None:
        """Add an event."""
        event = Event(wall_s, kind, text)
        self.events.append(event)
        self._keep(asdict(event))

    def step(self, view: Mapping[str, Any], wall_s: float) -> None:
        """Take in the report of a step."""
        if view["step"] == 1:
            self._takeovers.begin()
        end = _end_of(view) if view["last"] else ""
        self._takeovers.who = view.get("who", PERSON)
        line = self._takeovers.step(view["charge"], view["planned_ms"] / 1000.0, end)
        if line and not end:
            self.add(wall_s, "correction", line)
        if view["charge"] != self._charge:
            self._charge = view["charge"]
            self.add(wall_s, "charge", CHARGE.get(self._charge, self._charge))
        for label in view["labels"]:
            self.add(wall_s, "label", f"label taken: {label}")
        if view["last"]:
            if line:
                self.add(wall_s, "correction", line)
            self._end(view, wall_s)

    def _end(self, view: Mapping[str, Any], wall_s: float) -> None:
        end = "success" if view["success"] else "failure" if view["failure"] else "end"
        kind = "fault" if view["fault"] else end
        self.add(wall_s, kind, f"episode {view['episode']}: {_end_of(view, bool(view['human_steps']))}")
        names = {"steps": "step", "success": "success", "human_steps": "human_steps"}
        self.episodes.append({name: view[key] for name, key in names.items()} | {"wall_s": wall_s})
        self._keep(self.episodes[-1])

    def _keep(self, entry: Mapping[str, Any]) -> None:
        if self._file is not None:
            with suppress(OSError), self._file.open("a", encoding="utf-8") as file:  # a full disk ends no page
                file.write(json.dumps(entry) + "\n")

    def _restore(self, file: Path) -> None:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, TypeError):  # the last line of a process that was killed
                entry = json.loads(line)
                if "kind" in entry:
                    self.events.append(Event(**entry))
                else:
                    self.episodes.append(entry)


def _end_of(view: Mapping[str, Any], helped: bool = False) -> str:
    """Return how the episode of a last step ended."""
    words = end_in_words(view["success"], view["failure"], view["fault"], helped, view["charge"] == "estop")
    limit_s = view.get("limit_s")
    early = limit_s is not None and view["time_s"] < limit_s - 0.5 * view["planned_ms"] / 1000.0
    return "ended early" if early and words == OUT_OF_TIME else words
