"""A soak: actors in real time on one learner for long; memory, descriptors, threads, periods, and each record."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.bench.trainings import Training, machine, period_metrics, show, training
from robot_rl.runtime.runs.process_record import read_record
from robot_rl.runtime.runs.run_totals import LOSSES, RunTotals
from robot_rl.transport.journal import Journal

ACTORS = (8,)
FLAGS = (
    "--speed", "1", "--demonstrations", "2",
    "--updates-per-step", "0.2", "--learner.update-ratio.updates-per-transition", "0.25",
    "--actors",
)  # fmt: skip
"""Few updates, so that two cores keep eight arms in real time: what is measured is what the processes hold."""
MEASURE_S, SAMPLES = 3600.0, 120
SETTLED = 0.2
"""Share of the samples before which caches fill."""
PAGE_BYTES = os.sysconf("SC_PAGESIZE")


class Usage(NamedTuple):
    """What a process holds."""

    rss_mb: float
    descriptors: int
    threads: int


def run(seconds: float = MEASURE_S, actors: Sequence[int] = ACTORS) -> dict[str, Any]:
    """Return what learner, actors and supervisor hold after a fifth of the time and at its end, and the records.

    `actors_8_learner_rss_mb_settled`, `_end`, `_per_hour` (a line through what is between), the same of `descriptors`
    and `threads`; of the actors that with the most. `period_ms_...` of the first and the last quarter. `sent` is what
    the spools took, `stored` what the journal has; the learner's memory grows with its replay, `transitions`.

    Args:
        seconds: duration.
        actors: numbers of actors, one after the other.
    """
    metrics = machine() | {"seconds": seconds}
    for count in actors:
        metrics |= measure(count, seconds)
        show(metrics)
    return metrics


def measure(actors: int, seconds: float) -> dict[str, Any]:
    """Return the metrics of one number of actors."""
    samples: list[dict[str, Usage]] = []
    with tempfile.TemporaryDirectory() as root, training(Path(root), *FLAGS, f"{actors}") as run:
        run.await_updates(actors)
        for _ in range(SAMPLES):
            samples.append(usages(run))
            run.until(lambda: False, seconds / SAMPLES)
        load = machine()["load_1min"]
        run.stop()
        metrics = {"load_1min": load} | held(samples, seconds) | _periods(run, actors) | _records(run, actors)
    return {f"actors_{actors}_{name}": value for name, value in metrics.items()}


def usages(run: Training) -> dict[str, Usage]:
    """Return what the run's processes hold now; of the actors the most of each."""
    folder = run.folder
    parts = {"supervisor": [folder.root], "learner": [folder.learner], "actor": folder.actors()}
    found = {name: [usage for path in paths if (usage := _usage(path))] for name, paths in parts.items()}
    return {name: Usage(*map(max, zip(*values, strict=True))) for name, values in found.items() if values}


def _usage(folder: Path) -> Usage | None:
    record = read_record(folder)
    if record is None:
        return None
    process = Path(f"/proc/{record.pid}")
    try:
        pages = int((process / "statm").read_text().split()[1])
        return Usage(
            pages * PAGE_BYTES / 1e6, len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))
        )
    except OSError:  # it is being started again
        return None


def held(samples: Sequence[dict[str, Usage]], seconds: float) -> dict[str, float]:
    """Return what each part held, once settled, at the end, and its growth."""
    metrics: dict[str, float] = {}
    settled = samples[int(SETTLED * len(samples)) :]
    for part in samples[-1]:
        values = np.array([sample[part] for sample in settled if part in sample])
        hours = np.arange(len(values)) * seconds / len(samples) / 3600.0
        slopes = np.polyfit(hours, values, 1)[0] if len(values) > 1 else np.zeros(len(Usage._fields))
        for name, first, last, slope in zip(Usage._fields, values[0], values[-1], slopes, strict=True):
            metrics[f"{part}_{name}_settled"] = round(float(first), 1)
            metrics[f"{part}_{name}_end"] = round(float(last), 1)
            metrics[f"{part}_{name}_per_hour"] = round(float(slope), 1)
    return metrics


def _periods(run: Training, actors: int) -> dict[str, Any]:
    quarters = [np.array_split(run.periods_ms(actor), 4) for actor in range(actors)]
    first, last = (np.concatenate([own[quarter] for own in quarters]) for quarter in (0, -1))
    missed = sum(run.episodes(actor)[-1]["missed"] for actor in range(actors))
    return period_metrics("first_quarter", first) | period_metrics("last_quarter", last) | {"missed": missed}


def _records(run: Training, actors: int) -> dict[str, Any]:
    totals = RunTotals(run.folder)
    totals.read()
    sent = 0
    for actor in range(actors):
        with Journal(run.folder.actor(actor) / "spool") as spool:
            sent += spool.next_index
    with Journal(run.folder.learner / "journal") as journal:
        stored = sum(1 for _ in journal.read())
    lost = sum(totals.total(name) for name in LOSSES)
    return {"sent": sent, "stored": stored, "declared_lost": lost, "transitions": run.updates()[-1]["replay_online"]}
