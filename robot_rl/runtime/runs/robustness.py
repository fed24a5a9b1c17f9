"""Success of a policy over variations of its task: one table, as JSON, Markdown and image."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from robot_rl.runtime.runs.statistics import wilson_interval

TABLE_FILE, JSON_FILE, IMAGE_FILE = "table.md", "table.json", "robustness.png"
AS_TRAINED = "as trained"


@dataclass(frozen=True)
class VariedResult:
    """Success under one variation at one level."""

    variation: str
    text: str
    """The variation in words."""
    level: float
    nominal: float
    """Level of the task as it was trained."""
    unit: str
    episodes: int
    successes: int
    faults: int
    """Episodes that a fault of the arm ended."""
    cycle_steps: float | None
    """Median steps of the successes."""
    force_peak_n: float
    """Median over the episodes of the largest external force on the hand [N]."""

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        return wilson_interval(self.successes, self.episodes)


@dataclass(frozen=True)
class Robustness:
    """The results of one policy; the first is the task as it was trained."""

    run: str
    seed: int
    policy_version: int
    results: tuple[VariedResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the table as JSON-ready values."""
        rows = [
            asdict(row) | {"success_rate": row.successes / row.episodes, "interval_95": list(row.interval)}
            for row in self.results
        ]
        return {"run": self.run, "seed": self.seed, "policy_version": self.policy_version, "results": rows}

    def markdown(self) -> str:
        """Return the table; `cycle` is the median of the successes in steps, the force the median over episodes."""
        lines = ["| variation | level | success | 95 % | cycle | peak force [N] | faults |", f"|{'---|' * 7}"]
        for row in self.results:
            low, high = row.interval
            level = "" if row.variation == AS_TRAINED else f"{row.level:g} {row.unit}"
            cycle = "-" if row.cycle_steps is None else f"{row.cycle_steps:.0f}"
            rate = f"{row.successes}/{row.episodes} | {low:.0%} to {high:.0%}"
            lines.append(f"| {row.variation} | {level} | {rate} | {cycle} | {row.force_peak_n:.0f} | {row.faults} |")
        return "\n".join(lines)

    def row(self, variation: str, level: float, episodes: int) -> VariedResult | None:
        """Return the result of one row in this many episodes, if it is there."""
        wanted = (variation, level, episodes)
        return next((row for row in self.results if (row.variation, row.level, row.episodes) == wanted), None)

    def save(self, folder: Path) -> None:
        """Write the table as JSON and Markdown."""
        (folder / JSON_FILE).write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
        (folder / TABLE_FILE).write_text(f"# {self.run}\n\n{self.markdown()}\n", encoding="utf-8")


def read_robustness(folder: Path) -> Robustness | None:
    """Return the table that `save` wrote into a folder; None without a readable one."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        values = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
        names = {entry.name for entry in fields(VariedResult)}
        rows = [{name: value for name, value in row.items() if name in names} for row in values["results"]]
        return Robustness(**(values | {"results": tuple(VariedResult(**row) for row in rows)}))
    return None


def draw_robustness(table: Robustness, path: Path) -> Path:
    """Draw success over the levels of each variation with Wilson's intervals, the level of the training in between."""
    from matplotlib import pyplot as plt

    from robot_rl.runtime.runs.curves import LINES, STYLE

    base, *rest = table.results
    kinds = [list(rows) for _, rows in groupby(rest, key=lambda row: row.variation)]
    columns = min(4, max(1, len(kinds)))
    lines = max(1, -(-len(kinds) // columns))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(lines, columns, figsize=(2.9 * columns, 2.6 * lines), squeeze=False, sharey=True)
        for axis, rows in zip(axes.flat, kinds, strict=False):
            _draw_kind(axis, base, rows, LINES)
        for axis in axes.flat[len(kinds) :]:
            axis.set_visible(False)
        for axis in axes[:, 0]:
            axis.set_ylabel("success")
        figure.suptitle(table.run, fontsize=10)
        figure.tight_layout()
        figure.savefig(path, dpi=110)
        plt.close(figure)
    return path


def _draw_kind(axis: Any, base: VariedResult, rows: Sequence[VariedResult], colours: Sequence[str]) -> None:
    """Draw one variation; levels stand at equal distances, in ascending order."""
    ordered = sorted([*((row.level, row) for row in rows), (rows[0].nominal, base)], key=lambda entry: entry[0])
    low, high = base.interval
    axis.axhspan(low, high, color=colours[1], alpha=0.15)
    rates = [row.successes / row.episodes for _, row in ordered]
    below = [rate - row.interval[0] for rate, (_, row) in zip(rates, ordered, strict=True)]
    above = [row.interval[1] - rate for rate, (_, row) in zip(rates, ordered, strict=True)]
    axis.errorbar(range(len(rates)), rates, yerr=[below, above], marker="o", capsize=3, color=colours[0])
    axis.set_xticks(range(len(rates)), [f"{level:g}" for level, _ in ordered])
    axis.set_ylim(-0.05, 1.05)
    axis.set_title(f"{rows[0].variation} [{rows[0].unit}]", fontsize=9)
    axis.grid(alpha=0.3)
