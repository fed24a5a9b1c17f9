"""Loop timing of a run over the graph: a table for the report, and histograms."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.run_folder import RunFolder

TIMINGS_FILE = "timing.png"
TEXTS = {
    "act_to_obs_ms": "command to the next observation, at the actor",
    "reaction_ms": "stamp of a state to the command computed from it",
    "state_age_ms": "age of the arm's state at its use",
    "image_age_ms": "age of the oldest image at its use",
    "skew_ms": "largest skew between an image and the state",
}
"""Description of each series, in the order of the table."""


def read_timings(folder: RunFolder) -> dict[str, np.ndarray]:
    """Return each series over all steps of all actors [ms], (N,); empty for a run in the simulator's own time."""
    events = [event for actor in folder.actors() for event in read_metrics(actor, kind="timing")]
    columns = {name: [value for event in events for value in event.get(name, ())] for name in TEXTS}
    return {name: np.array(values, dtype=float) for name, values in columns.items() if values}


def timing_rows(series: Mapping[str, np.ndarray], folder: RunFolder) -> list[tuple[str, str]]:
    """Return the table's lines: median, 99th percentile and largest of each series, and the loop's misses."""
    rows = [(TEXTS[name], _spread(values)) for name, values in series.items()]
    return rows + _counts(folder)


def draw_timings(folder: Path, series: Mapping[str, np.ndarray]) -> list[Path]:
    """Draw a histogram of each series into one image; none without series."""
    if not series:
        return []
    from robot_rl.runtime.runs.curves import draw_histograms

    return [draw_histograms(folder / TIMINGS_FILE, {f"{TEXTS[name]} [ms]": values for name, values in series.items()})]


def _spread(values: np.ndarray) -> str:
    p50, p99 = np.percentile(values, (50, 99))
    return f"{p50:.1f} ms, 99 % below {p99:.1f}, at most {values.max():.1f}"


def _counts(folder: RunFolder) -> list[tuple[str, str]]:
    """Return the session totals from the actors' last lines."""
    last = [events[-1] for actor in folder.actors() if (events := read_metrics(actor, kind="episode"))]
    rows = []
    if measured := [event for event in last if "command_to_state_ms_p50" in event]:
        p50, p99 = (max(event[f"command_to_state_ms_{p}"] for event in measured) for p in ("p50", "p99"))
        rows.append(("command to the first state stamped after it", f"{p50:.1f} ms, 99 % below {p99:.1f}"))
        missed, withheld = (sum(event[name] for event in measured) for name in ("missed", "targets_withheld"))
        rows.append(("steps a whole period late", f"{missed}"))
        rows.append(("targets not sent because the state was refused", f"{withheld}"))
    return rows
