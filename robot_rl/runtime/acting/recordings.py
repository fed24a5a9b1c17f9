"""Origin of recordings: the task and the views of its cameras, and whether another command may use them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import make_format, read_metas
from robot_rl.tasks import is_reference


@dataclass(frozen=True)
class Origin:
    """Task and cameras of recordings, written into the meta of each episode."""

    task: str
    """Name of the task, whatever file it is in."""
    cameras: Mapping[str, str] = field(default_factory=dict)
    """By name: size and crop in words."""

    def meta(self) -> dict[str, Any]:
        """Return the entries of an episode's meta."""
        return {"task": self.task, "cameras": dict(self.cameras)}

    def check(self, meta: Mapping[str, Any], where: str, cameras: Collection[str] | None = None) -> None:
        """Check that an episode is of this task, and that the images of some cameras are what the task sees.

        Args:
            cameras: those that are needed; None: exactly those of the task. Episodes of earlier versions name none.

        Raises:
            ConfigError: the first difference, with both sides.
        """
        task = str(meta.get("task") or "")
        if task and self.task and task != self.task and not is_reference(task):
            raise ConfigError(
                f"recordings: got {where} of task {task!r}, expected {self.task!r}; use another folder for each task."
            )
        recorded = meta.get("cameras", self.cameras)
        for name in sorted(self.cameras.keys() | recorded.keys()) if cameras is None else cameras:
            got, expected = recorded.get(name, "not recorded"), self.cameras.get(name, "no camera of the task")
            if got != expected:
                raise ConfigError(
                    f"recordings: got {where} with camera {name}: {got}, expected {expected}; record again in a new "
                    "folder, or give the task its old camera or crop."
                )


def check_recordings(
    folders: Sequence[Path], dataset: str, origin: Origin, cameras: Collection[str] | None = None
) -> int:
    """Check all episodes of some folders as `Origin.check` does, and return how many of them succeeded.

    Raises:
        ConfigError: the first episode that differs, with both sides.
    """
    successes = 0
    for folder in folders:
        for number, meta in enumerate(read_metas(make_format(dataset), folder)):
            origin.check(meta, f"episode {number} of {folder}", cameras)
            successes += bool(meta.get("success", True))
    return successes


def check_demonstrations(
    folder: Path, dataset: str, origin: Origin, cameras: Collection[str], judged: bool = True
) -> None:
    """Check that a folder holds demonstrations of a task.

    Args:
        judged: whether the recording says which of them succeeded.

    Raises:
        ConfigError: another task, other cameras or crops, or no episode with success.
    """
    count, successes = make_format(dataset).count(folder), check_recordings([folder], dataset, origin, cameras)
    if judged and count and not successes:
        raise ConfigError(
            f"demonstrations: got {count} episodes in {folder} without a success, expected one or more; record with a "
            "success label (Enter at the keyboard), or use them for `robot-rl eyes` and `classifier train` only."
        )
