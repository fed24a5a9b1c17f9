"""Metrics of a run for Prometheus, over HTTP, read from the run's files at each scrape."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_totals import COUNTERS, RunTotals
from robot_rl.runtime.runs.status import BYTES_PER_MB, EXIT_CODES, RunStatus, run_status

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX = "robot_rl_"
EPISODE_SUMS = {
    "steps": "environment steps",
    "success": "episodes that succeeded",
    "human_steps": "steps that a person made",
    "interventions": "interventions of a person",
    "fault": "episodes ended by a fault",
    "retreats": "retreats of an arm that was stuck",
    "help_requests": "requests for help of an arm that was stuck",
}
"""Number of an actor's episodes -> what their sum counts; `PREFIX..._total`."""
EPISODE_GAUGES = {
    "policy_version": ("policy_version", "updates of the policy that acted last"),
    "weights_age_s": ("weights_age_seconds", "age of the weights at the end of the last episode"),
    "backlog": ("backlog_records", "records that the learner has not acknowledged, at the end of the last episode"),
    "steps_per_s": ("steps_per_second", "rate of the last episode"),
}
"""Number of an actor's last episode -> name and help."""
UPDATE_GAUGES = {
    "updates_per_s": ("updates_per_second", "rate of the learner"),
    "replay_online": ("replay_transitions", "transitions of actors in the replay"),
    "replay_demonstration": ("replay_demonstration_transitions", "demonstrated transitions in the replay"),
    "wire_actors": ("connected_actors", "actors that the learner is connected to"),
}
"""Number of the learner's last line -> name and help."""


class RunCollector:
    """Collector of a run's metrics, with labels `run` and, where they are of one, `actor` or `process`."""

    def __init__(self, folder: RunFolder, task: str) -> None:
        self._folder, self._task, self._lock = folder, task, threading.Lock()
        self._totals = RunTotals(folder)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now."""
        with self._lock:
            status = run_status(self._folder, self._task, self._totals)
            yield from (*self._of_run(status), *self._of_processes(status), *self._of_actors(), *self._of_counters())

    def describe(self) -> list[Metric]:
        """Return no metric: registering reads no file."""
        return []

    def _of_run(self, status: RunStatus) -> Iterator[Metric]:
        run: tuple[dict[str, str], str] = ({}, status.run)
        yield _gauge(
            "health", "0 well, 1 needs attention, 3 dead, as `robot-rl status`", [(*run, EXIT_CODES[status.health])]
        )
        yield _counter("updates", "updates of the learner", [(*run, status.updates)])
        yield _gauge("disk_left_bytes", "space on the run's disk", [(*run, status.disk_left_mb * BYTES_PER_MB)])
        if status.success_unhelped is not None:
            text = "success rate of the last episodes without interventions"
            yield _gauge("success_unhelped_ratio", text, [(*run, status.success_unhelped)])
        if status.evaluated is not None:
            share = status.evaluated["successes"] / max(status.evaluated["episodes"], 1)
            yield _gauge("success_alone_ratio", "newest evaluation of the policy alone in training", [(*run, share)])
        update = self._totals.latest.get(self._folder.learner.name, {})
        for key, (name, text) in UPDATE_GAUGES.items():
            if update.get(key) is not None:
                yield _gauge(name, text, [(*run, update[key])])

    def _of_processes(self, status: RunStatus) -> Iterator[Metric]:
        run, parts = status.run, status.parts
        up = [({"process": part.name}, run, float(part.state == "running")) for part in parts]
        yield _gauge("up", "1 where the process runs, 0 where it is frozen, ended or dead", up)
        yield _counter(
            "restarts", "restarts by the supervisor", [({"process": p.name}, run, p.restarts) for p in parts]
        )

    def _of_actors(self) -> Iterator[Metric]:
        run, actors = self._folder.name, [path.name for path in self._folder.actors()]
        episodes = {actor: self._totals.of_actor(actor) for actor in actors}
        counts = [({"actor": actor}, run, len(events)) for actor, events in episodes.items()]
        yield _counter("episodes", "episodes that ended", counts)
        for key, text in EPISODE_SUMS.items():
            sums = [
                ({"actor": actor}, run, sum(float(event.get(key) or 0) for event in events))
                for actor, events in episodes.items()
            ]
            yield _counter(f"episode_{key}" if key in ("success", "fault") else key, text, sums)
        for key, (name, text) in EPISODE_GAUGES.items():
            last = {actor: self._totals.latest.get(actor, {}).get(key) for actor in actors}
            yield _gauge(name, text, [({"actor": a}, run, value) for a, value in last.items() if value is not None])

    def _of_counters(self) -> Iterator[Metric]:
        """Yield what the wire took, refused and lost, over all lives of the processes."""
        for counter in COUNTERS:
            sources = [path.name for path in (self._folder.learner, *self._folder.actors())]
            counts = [({"process": name}, self._folder.name, self._totals.total(counter, name)) for name in sources]
            yield _counter(counter, f"`{counter}` of the metrics, over all lives of the process", counts)


@contextmanager
def serve_metrics(folder: RunFolder, task: str, port: int | None, host: str) -> Iterator[None]:
    """Serve a run's metrics at http://HOST:PORT/metrics during the block; None serves nothing.

    Raises:
        ConfigError: the extra `metrics` is not installed, or the port is taken.
    """
    if port is None:
        yield
        return
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        text = "got --metrics-port without prometheus_client, expected it; pip install 'robot-rl[metrics]'."
        raise ConfigError(f"metrics: {text}") from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RunCollector(folder, task))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        text = f"got {host}:{port} ({error.strerror or error}), expected a free address; choose another --metrics-port."
        raise ConfigError(f"metrics: {text}") from None
    print(f"metrics: http://{host}:{server.server_address[1]}/metrics", flush=True)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Sample = tuple[dict[str, str], str, Any]
"""Labels beside the run's, run, value."""


def _gauge(name: str, text: str, samples: list[Sample]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily, name, text, samples)


def _counter(name: str, text: str, samples: list[Sample]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily, name, text, samples)


def _filled(family: Any, name: str, text: str, samples: list[Sample]) -> Metric:
    names = list(samples[0][0]) if samples else []
    metric: Metric = family(PREFIX + name, text, labels=["run", *names])
    for labels, run, value in samples:
        metric.add_metric([run, *labels.values()], float(value))  # type: ignore[attr-defined]
    return metric
