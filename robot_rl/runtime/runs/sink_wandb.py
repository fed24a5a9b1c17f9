"""Weights & Biases as a sink; offline with WANDB_MODE=offline, then `wandb sync`."""

import re
from collections.abc import Mapping
from typing import Any

from robot_rl.runtime.runs.run_folder import RunFolder


class WandbSink:
    """A `Sink`: one run of a project, which a resumed training goes on with."""

    def __init__(self, folder: RunFolder, settings: Mapping[str, Any], project: str) -> None:
        import wandb

        self._groups: set[str] = set()
        self._run: Any = wandb.init(
            project=project,
            name=folder.name,
            id=re.sub(r"[^A-Za-z0-9_-]+", "-", folder.name),
            resume="allow",
            dir=str(folder.root),
            config=dict(settings),
            group=str(settings.get("task")),
            settings=wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True),
        )

    def log(self, group: str, step: int, values: Mapping[str, float]) -> None:
        """Log one event over an axis of its group: the steps of several processes do not rise together."""
        axis = f"{group}/step"
        if group not in self._groups:
            self._groups.add(group)
            self._run.define_metric(axis, hidden=True)
            self._run.define_metric(f"{group}/*", step_metric=axis)
        self._run.log({axis: step, **{f"{group}/{name}": value for name, value in values.items()}})

    def summarise(self, values: Mapping[str, float]) -> None:
        """Set the evaluation's result."""
        self._run.summary.update({f"evaluation/{name}": value for name, value in values.items()})

    def close(self) -> None:
        """Send or write what is left."""
        self._run.finish()
