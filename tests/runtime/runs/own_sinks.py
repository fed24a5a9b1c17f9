"""Sinks of a user's own, which the tests name as module:Class."""

from collections.abc import Mapping
from typing import Any


class ListSink:
    """Keeps what it is sent, for all of a process."""

    events: list[tuple[str, int, dict[str, float]]] = []  # noqa: RUF012
    results: list[dict[str, float]] = []  # noqa: RUF012
    opened: list[tuple[str, str]] = []  # noqa: RUF012

    def __init__(self, folder: Any, settings: Mapping[str, Any], project: str) -> None:
        self.opened.append((project, settings["task"]))

    def log(self, group: str, step: int, values: Mapping[str, float]) -> None:
        self.events.append((group, step, dict(values)))

    def summarise(self, values: Mapping[str, float]) -> None:
        self.results.append(dict(values))

    def close(self) -> None: ...


class FailingSink(ListSink):
    """A service that is away from its first event on, also for a farewell."""

    def log(self, group: str, step: int, values: Mapping[str, float]) -> None:
        raise OSError("no route to host")

    def close(self) -> None:
        raise OSError("no route to host")


class AbsentSink:
    """A service without an account here."""

    def __init__(self, *args: object) -> None:
        raise RuntimeError("api_key not configured")
