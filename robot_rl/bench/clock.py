"""The actor's clock beside a learner that computes all the time: time between two steps, and steps that were missed."""

import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from robot_rl.bench.trainings import machine, period_metrics, show, training
from robot_rl.core.tasks import PERIOD_S

RATES_HZ = (10, 20, 50)
MEASURE_S = 30.0
BUSY = (
    "--learner.update-ratio.updates-per-transition", "1000000", "--updates-per-step", "None", "--human.kind", "none",
    "--demonstrations", "2",
)  # fmt: skip
"""Settings with which the learner never waits for data, and the actor never for the learner."""


def run(seconds: float = MEASURE_S) -> dict[str, Any]:
    """Return `own_core_10_hz_period_ms_p50`, `_p99`, `_max`, `_missed` and `_steps`, and the same at 20 and 50 Hz.

    One actor of the simulated arm, state alone, beside a learner with endless updates. `own_core`: as `train` places
    them, the actor on a core of its own; `shared_core`: both on one, the worst that can be. A step is missed when it
    ends a whole period late.

    Args:
        seconds: duration of each measurement.
    """
    metrics = machine() | {"seconds": seconds}
    cores = sorted(os.sched_getaffinity(0))
    places: dict[str, Collection[int]] = {"own_core": cores, "shared_core": cores[-1:]}
    for place, allowed in places.items() if len(cores) > 1 else [("shared_core", cores)]:
        for rate_hz in RATES_HZ:
            metrics |= measure(f"{place}_{rate_hz}_hz", rate_hz, allowed, seconds)
            show(metrics)
    return metrics


def measure(name: str, rate_hz: float, cores: Collection[int], seconds: float) -> dict[str, Any]:
    """Return the metrics of one rate."""
    with (
        tempfile.TemporaryDirectory() as root,
        training(Path(root), *BUSY, "--speed", f"{rate_hz * PERIOD_S:g}", cores=cores) as run,
    ):
        run.await_updates(1)
        before = run.episodes(0)[-1]
        run.until(lambda: False, seconds)
        episodes = run.episodes(0)
        updates = run.updates()[-1]
        run.stop()
        periods_ms = run.periods_ms(0, before["episode"] + 1)
    return {
        **period_metrics(name, periods_ms),
        f"{name}_missed": int(episodes[-1]["missed"] - before["missed"]),
        f"{name}_steps": int(periods_ms.size),
        f"{name}_updates_per_s": round(float(updates["updates_per_s"]), 1),
    }
