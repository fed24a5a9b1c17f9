"""Log of what the page has seen: events in words, and the episodes that ended."""

import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
    """One of charge, correction, success, failure, end, label, fault, page."""
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
        self._human_steps, self._policy_acted = 0, False
        """Of this episode: steps of a person before the present takeover, and whether the policy moved the arm."""
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
            self._human_steps, self._policy_acted = 0, False
        self._policy_acted |= view["charge"] == "policy"
        if view["charge"] != self._charge:
            self._note_correction(view, wall_s)
            self._charge = view["charge"]
            self._human_steps = view["human_steps"] - (self._charge == "human")
            self.add(wall_s, "charge", CHARGE.get(self._charge, self._charge))
        for label in view["labels"]:
            self.add(wall_s, "label", f"label taken: {label}")
        if view["last"]:
            self._note_correction(view, wall_s)
            self._end(view, wall_s)

    def _note_correction(self, view: Mapping[str, Any], wall_s: float) -> None:
        """Add what a person's takeover from the policy was, once it is over."""
        steps = view["human_steps"] - self._human_steps
        if self._charge == "human" and self._policy_acted and steps > 0:
            text = f"{steps} steps corrected, {steps * view['planned_ms'] / 1000.0:.1f} s"
            self.add(wall_s, "correction", text)

    def _end(self, view: Mapping[str, Any], wall_s: float) -> None:
        helped = " with help" if view["human_steps"] else ""
        end = "success" if view["success"] else "failure" if view["failure"] else "end"
        text = f"fault: {view['fault']}" if view["fault"] else "out of time" if end == "end" else end + helped
        text = "stopped" if view["charge"] == "estop" else text
        self.add(wall_s, "fault" if view["fault"] else end, f"episode {view['episode']}: {text}")
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
