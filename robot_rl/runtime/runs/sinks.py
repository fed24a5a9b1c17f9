"""Sinks: services that show a run's metrics, beside its own files and TensorBoard, from which they are read.

A sink runs in a process of its own, `robot-rl sinks`: what it does, and how it fails, neither stops nor slows a run.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import check, resolve
from robot_rl.data.whole_file import write_file
from robot_rl.runtime.runs.metrics import METRICS_FILE, MetricsTail
from robot_rl.runtime.runs.report import read_evaluation
from robot_rl.runtime.runs.run_folder import RunFolder

SINKS = {
    "wandb": "robot_rl.runtime.runs.sink_wandb:WandbSink",
    "trackio": "robot_rl.runtime.runs.sink_trackio:TrackioSink",
}
"""Name -> class; its package has the same name, and is the extra of that name."""


class Sink(Protocol):
    """One run in one service. Made from the run's folder, its settings and a project's name.

    Any method may raise; the sink is then closed, and the others go on.
    """

    def log(self, group: str, step: int, values: Mapping[str, float]) -> None:
        """Log the numbers of one event.

        Args:
            group: the process and the kind of event, as in `actor-0/episode`.
            step: environment steps of the run then, or of the process.
        """

    def summarise(self, values: Mapping[str, float]) -> None:
        """Set the run's results, those of its evaluation."""

    def close(self) -> None:
        """Send what is left."""


def check_sinks(names: Sequence[str]) -> None:
    """Check that sinks exist and their packages are there.

    Raises:
        UnknownNameError: no sink of that name.
        ConfigError: its package is missing, or a name given twice.
    """
    for name in names:
        check("sink", name, SINKS)
        if name in SINKS and importlib.util.find_spec(name) is None:
            raise ConfigError(f"sink: got {name!r}, whose package is missing; pip install 'robot-rl[{name}]'.")
    if len(set(names)) < len(names):
        raise ConfigError(f"sinks: got {list(names)}, expected each once; leave one out.")


class Forwarder:
    """What a run's files hold, sent to sinks; each keeps in `sinks/NAME.json` how far it is, and goes on there.

    Args:
        report: prints a line.
    """

    def __init__(
        self,
        folder: RunFolder,
        names: Sequence[str],
        project: str,
        report: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        self._report = report
        settings = json.loads(folder.config_file.read_text(encoding="utf-8"))
        self.failed: list[str] = []
        """Names of the sinks that failed."""
        self._open: dict[str, _OpenSink] = {}
        for name in names:
            self._try(name, partial(self._begin, name, folder, settings, project))

    def turn(self) -> None:
        """Send what was added since."""
        for name, sink in list(self._open.items()):
            self._try(name, sink.turn)

    def close(self) -> None:
        """Send the rest with the evaluation's result, and close all."""
        self.turn()
        for name, sink in list(self._open.items()):
            self._try(name, sink.finish)
        self._open.clear()

    def _begin(self, name: str, folder: RunFolder, settings: Mapping[str, Any], project: str) -> None:
        self._open[name] = _OpenSink(resolve("sink", name, SINKS)(folder, settings, project), folder, name)

    def _try(self, name: str, work: Callable[[], None]) -> None:
        """Do something for a sink; one that fails is left out from then on."""
        try:
            work()
        except Exception as error:  # a service's library may raise anything, and the run must not end by it
            self.failed.append(name)
            self._report(f"sink {name}: {type(error).__name__}: {error}; nothing more is sent to it, the run goes on")
            if (sink := self._open.pop(name, None)) is not None:
                sink.drop()


class _OpenSink:
    """One sink and its place in the run's files."""

    def __init__(self, sink: Sink, folder: RunFolder, name: str) -> None:
        self._sink, self._folder = sink, folder
        self._file = folder.root / "sinks" / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.json"
        self._tails: dict[str, MetricsTail] = {}
        self._begun = dict(json.loads(self._file.read_text("utf-8"))) if self._file.exists() else {}

    def turn(self) -> None:
        """Send the new lines of all files."""
        sent = 0
        for path in (self._folder.root / METRICS_FILE, *sorted(self._folder.root.glob(f"*/{METRICS_FILE}"))):
            sent += self._send(path)
        if sent:
            self._file.parent.mkdir(exist_ok=True)
            write_file(self._file, json.dumps(self._places()).encode())

    def finish(self) -> None:
        """Set the evaluation's result, and close."""
        summary = read_evaluation(self._folder.evaluation)
        if summary is not None:
            self._sink.summarise(_numbers(summary))
        self._sink.close()

    def drop(self) -> None:
        """Close, whatever that raises."""
        try:
            self._sink.close()
        except Exception as error:
            print(f"sink: {error}", file=sys.stderr, flush=True)

    def _send(self, path: Path) -> int:
        name = path.relative_to(self._folder.root).as_posix()
        tail = self._tails.setdefault(name, MetricsTail(path, self._begun.get(name, 0)))
        part, events = ("" if path.parent == self._folder.root else f"{path.parent.name}/"), tail.read()
        for event in events:
            self._sink.log(f"{part}{event['kind']}", int(event["step"]), _numbers(event))
        return len(events)

    def _places(self) -> dict[str, int]:
        return {name: tail.offset for name, tail in self._tails.items()}


def _numbers(event: Mapping[str, Any]) -> dict[str, float]:
    """Return an event's numbers; `step` is none of them."""
    return {name: float(value) for name, value in event.items() if isinstance(value, int | float) and name != "step"}
