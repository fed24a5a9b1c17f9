"""Metrics file: one JSON line per event, mirrored to TensorBoard."""

import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from robot_rl.runtime.runs.event_file import EventFile

METRICS_FILE = "metrics.jsonl"


class Metrics(Protocol):
    """Destination of metrics."""

    def write(self, kind: str, step: int, **scalars: Any) -> None:
        """Write one event."""


class MetricsWriter:
    """Writer of `folder/metrics.jsonl` and, on request, of TensorBoard event files in the same folder.

    Each line is a JSON object with `wall_s` (Unix time), `kind`, `step` and the scalars. Lines are flushed one by one:
    a crash leaves at most one torn last line, which readers skip and the next writer ends. On a full disk lines are
    lost, and the work goes on.
    """

    def __init__(self, folder: Path, tensorboard: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / METRICS_FILE
        torn = _ends_torn(path)
        self._file = path.open("a", buffering=1, encoding="utf-8")
        if torn:
            self._file.write("\n")
        self._events = EventFile(folder) if tensorboard else None
        self.lost = 0  # lines that the disk did not take

    def write(self, kind: str, step: int, **scalars: Any) -> None:
        """Write one event; values may be numbers, booleans, strings, lists of finite numbers, or None (NaN and infinity
        become None).
        """
        values = {name: _plain(value) for name, value in scalars.items()}
        line = {**values, "wall_s": round(time.time(), 3), "kind": kind, "step": int(step)}
        try:
            self._file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            self._lose(error)
        if self._events is not None:
            numbers = {f"{kind}/{name}": float(v) for name, v in values.items() if isinstance(v, int | float)}
            self._events.add(numbers, int(step))

    def _lose(self, error: OSError) -> None:
        """Count a line that the disk did not take, and print the first."""
        self.lost += 1
        if self.lost == 1:
            print(f"metrics: {error}; lines are lost until the disk takes them again", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        for file in (self._file, self._events):
            try:
                if file is not None:
                    file.close()
            except OSError as error:
                self._lose(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def read_metrics(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """Return the events of a metrics file (or of the folder that holds one), oldest first; torn lines are skipped."""
    path = path / METRICS_FILE if path.is_dir() else path
    if not path.exists():
        return []
    return [event for event in _parse(path.read_bytes()) if kind in (None, event["kind"])]


class MetricsTail:
    """Incremental reader of a metrics file, for a live view.

    Args:
        offset: place in the file to begin at [bytes].
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self.offset = offset
        """Place up to which the file was read [bytes]."""

    def read(self) -> list[dict[str, Any]]:
        """Return the whole lines added since the last call; nothing while the file does not exist."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self.offset)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self.offset += len(whole)
        return list(_parse(whole))


def _parse(text: bytes) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            event = json.loads(line, object_pairs_hook=_with_shared_names)
        except ValueError:  # a torn line: its writer was killed
            continue
        if isinstance(event, dict) and "kind" in event:
            yield event


def _with_shared_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names are those of all others: a night's episodes then take half the memory."""
    return {sys.intern(name): value for name, value in pairs}


def _ends_torn(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def _plain(value: Any) -> Any:
    """Return `value` as JSON holds it: numpy scalars become Python's, non-finite numbers None."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
