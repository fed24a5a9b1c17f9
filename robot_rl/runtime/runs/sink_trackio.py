"""Trackio as a sink: a local database, shown by `trackio show`; nothing leaves this computer."""

from collections.abc import Mapping
from typing import Any

from robot_rl.runtime.runs.run_folder import RunFolder


class TrackioSink:
    """A `Sink`: one run of a project, which a resumed training goes on with."""

    def __init__(self, folder: RunFolder, settings: Mapping[str, Any], project: str) -> None:
        import trackio

        self._trackio: Any = trackio
        trackio.init(project=project, name=folder.name, config=dict(settings), resume="allow", embed=False)

    def log(self, group: str, step: int, values: Mapping[str, float]) -> None:
        """Log one event; the steps of the group are one of its values, since those of several processes differ."""
        self._trackio.log({f"{group}/step": step, **{f"{group}/{name}": value for name, value in values.items()}})

    def summarise(self, values: Mapping[str, float]) -> None:
        """Log the evaluation's result."""
        self._trackio.log({f"evaluation/{name}": value for name, value in values.items()})

    def close(self) -> None:
        """Write what is left."""
        self._trackio.finish()
