"""Grid of settings over seeds: its runs, which of them are finished, and the comparison of those."""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.method_groups import MethodGroup, read_seed
from robot_rl.runtime.runs.report import SUMMARY_FILE
from robot_rl.runtime.runs.run_folder import RunFolder

REPORT_SEEDS = (0, 1, 2)
"""Seeds of results: settings that were chosen on them would flatter every result with them."""
TUNING_SEEDS = (100, 101, 102)
NAME_MAX = 120
FIXED = {"seed": "--seeds", "task": "another sweep", "evaluation": "--evaluation.episodes"}
"""Setting that is no part of a grid -> what to write instead."""
State = Literal["new", "unfinished", "finished"]


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep: a cell of the grid with a seed."""

    folder: RunFolder
    changes: Mapping[str, Any]
    """Settings of the cell by their dotted names."""
    seed: int

    @property
    def label(self) -> str:
        """The cell in words."""
        shown = (value if isinstance(value, str) else json.dumps(value) for value in self.changes.values())
        return ", ".join(f"{name} {text}" for name, text in zip(self.changes, shown, strict=True)) or "as given"

    @property
    def state(self) -> State:
        """Whether it has its evaluation, or its settings only."""
        if (self.folder.evaluation / SUMMARY_FILE).is_file():
            return "finished"
        return "unfinished" if self.folder.config_file.is_file() else "new"


def parse_grid(words: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of each setting of `NAME=VALUE,VALUE`; a value is JSON, or a text.

    Raises:
        ConfigError: a word without values, a name or value given twice, or a setting that is no part of a grid.

    Example:
        >>> parse_grid(["agent.bc-weight=0.1,0.2", "agent.hidden=[64,64],[256,256]"])
        {'agent.bc_weight': [0.1, 0.2], 'agent.hidden': [[64, 64], [256, 256]]}
    """
    grid: dict[str, list[Any]] = {}
    for word in words:
        name, _, text = word.partition("=")
        name = name.removeprefix("--").replace("-", "_")
        values = [_value(part) for part in _parts(text)]
        if not name or not text or "" in values:
            raise ConfigError(f"--set: got {word!r}, expected NAME=VALUE,VALUE; for example agent.bc_weight=0.1,0.2.")
        if name.partition(".")[0] in FIXED:
            raise ConfigError(
                f"--set: got {name!r}, expected a setting of the method; use {FIXED[name.partition('.')[0]]}."
            )
        if name in grid or any(values.count(value) > 1 for value in values):
            raise ConfigError(f"--set: got {word!r}, expected each setting and each of its values once.")
        grid[name] = values
    return grid


def _parts(text: str) -> list[str]:
    """Split at commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _value(text: str) -> Any:
    try:
        return json.loads({"None": "null", "True": "true", "False": "false"}.get(text, text))
    except ValueError:
        return text


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes by dotted names as mappings of mappings.

    Example:
        >>> nested({"agent.bc_weight": 0.1, "demonstrations": 5})
        {'agent': {'bc_weight': 0.1}, 'demonstrations': 5}
    """
    tree: dict[str, Any] = {}
    for name, value in changes.items():
        *heads, last = name.split(".")
        node = tree
        for head in heads:
            node = node.setdefault(head, {})
        node[last] = value
    return tree


def plan_runs(root: Path, grid: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> list[SweepRun]:
    """Return the runs: all cells with the first seed, then with the next, so that an early look compares all cells."""
    cells = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return [
        SweepRun(RunFolder(root / f"{_cell_name(cell)}seed-{seed}"), cell, seed) for seed in seeds for cell in cells
    ]


def _cell_name(cell: Mapping[str, Any]) -> str:
    """Return the beginning of a folder's name, the same for the same cell; a digest where the text is not exact."""
    exact = "".join(f"{name.rpartition('.')[2]}-{json.dumps(value)}-" for name, value in cell.items())
    name = re.sub(r"[^A-Za-z0-9._-]+", "", exact)[:NAME_MAX]
    if len({key.rpartition(".")[2] for key in cell}) < len(cell) or name != exact.replace('"', ""):
        digest = hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:8]
        name = f"{name}{digest}-"
    return name


def check_seeds(seeds: Sequence[int], forced: bool) -> None:
    """Check the seeds of a sweep.

    Raises:
        ConfigError: none, one twice, or one of the reports' without force.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"--seeds: got {list(seeds)}, expected different seeds; for example 100 101 102.")
    taken = [seed for seed in seeds if seed in REPORT_SEEDS]
    if taken and not forced:
        raise ConfigError(
            f"--seeds: got {taken}, expected others: results are reported with seeds 0, 1 and 2, and settings chosen "
            "on them would flatter those results; use 100 and up, or --force-seeds where nothing is chosen."
        )


def sweep_groups(runs: Sequence[SweepRun]) -> list[MethodGroup]:
    """Return the finished runs of each cell, in the grid's order."""
    grouped: dict[str, list[SweepRun]] = {}
    for run in runs:
        if run.state == "finished":
            grouped.setdefault(run.label, []).append(run)
    return [
        MethodGroup(label, tuple(read_seed(run.folder, run.seed) for run in sorted(members, key=lambda run: run.seed)))
        for label, members in grouped.items()
    ]
