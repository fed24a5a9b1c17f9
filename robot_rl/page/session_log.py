"""Log of what the page has seen: events in words, and the episodes that ended."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVENTS_MAX = 60
EPISODES_MAX = 2000
CHARGE = {
    "idle": "nothing moves the arm",
    "policy": "the policy moves the arm",
    "human": "a person moves the arm",
    "estop": "emergency stop",
}


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    wall_s: float
    kind: str
    """One of charge, success, failure, end, label, fault, page."""
    text: str


class SessionLog:
    """Turns reports of steps into events."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.episodes: deque[dict[str, Any]] = deque(maxlen=EPISODES_MAX)
        """Of the metrics that the run's files would hold."""
        self._charge = ""

    def add(self, wall_s: float, kind: str, text: str) -> None:
        """Add an event."""
        self.events.append(Event(wall_s, kind, text))

    def step(self, view: Mapping[str, Any], wall_s: float) -> None:
        """Take in the report of a step."""
        if view["charge"] != self._charge:
            self._charge = view["charge"]
            self.add(wall_s, "charge", CHARGE.get(self._charge, self._charge))
        for label in view["labels"]:
            self.add(wall_s, "label", f"label taken: {label}")
        if view["last"]:
            self._end(view, wall_s)

    def _end(self, view: Mapping[str, Any], wall_s: float) -> None:
        helped = " with help" if view["human_steps"] else ""
        end = "success" if view["success"] else "failure" if view["failure"] else "end"
        text = f"fault: {view['fault']}" if view["fault"] else "out of time" if end == "end" else end + helped
        text = "stopped" if view["charge"] == "estop" else text
        self.add(wall_s, "fault" if view["fault"] else end, f"episode {view['episode']}: {text}")
        self.episodes.append(
            {
                "steps": view["step"],
                "success": view["success"],
                "human_steps": view["human_steps"],
                "wall_s": wall_s,
            }
        )
