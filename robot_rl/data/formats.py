"""Dataset formats of demonstrations: one class each, and one line each in `FORMATS`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import available, check, resolve
from robot_rl.core.records import StepRecord

FORMATS = {
    "episodes": "robot_rl.data.episodes:EpisodeFiles",
    "lerobot": "robot_rl.data.lerobot.dataset:LeRobotDataset",
    "minari": "robot_rl.data.minari_dataset:MinariEpisodes",
    "mcap": "robot_rl.data.mcap_episodes:McapEpisodes",
    "run": "robot_rl.runtime.runs.recorded_run:RunEpisodes",
}
"""Name -> `module:Class`."""
GROUP = "robot_rl.datasets"
"""Entry points under which other packages register theirs."""
MARKS = {
    "config.json": "run",
    "meta/info.json": "lerobot",
    "data/metadata.json": "minari",
    "episode-*.mcap": "mcap",
}
"""Pattern of a file in a folder -> the format that it is in; without any, `episodes`."""
FORMAT_HELP = f"{', '.join(FORMATS)}, module:Class or path/to/file.py:Class."


class Episode(NamedTuple):
    """One whole episode, the last step of it terminated or truncated."""

    steps: Sequence[StepRecord]
    """Records; the reader may leave `actor`, `run`, `sequence` and `episode` at anything: they are numbered anew."""
    meta: Mapping[str, Any]
    """JSON-ready values: task, seed, steps, reward, success."""


@runtime_checkable
class DatasetFormat(Protocol):
    """Reads and writes the demonstrations of one folder; made without arguments.

    What a format may have besides, and commands then use: `metas(folder)`, the meta of each episode without its images;
    `episode(folder, number)`, one episode, so that a damaged one hides no other and episodes can be edited;
    `copy(folder, number, to)`, which appends an episode to another folder as it is; `remove_last(folder)`, for undo.
    """

    def count(self, folder: Path) -> int:
        """Return the number of episodes; 0 when there is no such folder."""

    def read(self, folder: Path) -> Iterator[Episode]:
        """Yield the episodes, oldest first.

        Raises:
            CorruptRecordError: one that is not whole.
        """

    def write(self, folder: Path, episode: Episode) -> None:
        """Append an episode, wholly or not at all."""


def read_metas(dataset: DatasetFormat, folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the meta of each episode, oldest first, without its images where the format has `metas(folder)`."""
    metas = getattr(dataset, "metas", None)
    return metas(folder) if metas else (episode.meta for episode in dataset.read(folder))


def format_of(folder: Path) -> str:
    """Return the name of the format that a folder looks like."""
    return next((name for mark, name in MARKS.items() if any(folder.glob(mark))), "episodes")


def check_format(name: str) -> None:
    """Check the name of a format in settings, without importing it.

    Raises:
        UnknownNameError: the name is unknown; the text lists the known ones and the nearest.
    """
    check("dataset format", name, FORMATS, GROUP)


def make_format(name: str) -> DatasetFormat:
    """Return a format by name, `module:Class` or `path/to/file.py:Class`.

    Raises:
        ConfigError: an unknown name, or a class that is no format.
    """
    made = resolve("dataset format", name, FORMATS, GROUP)()
    if not isinstance(made, DatasetFormat):
        raise ConfigError(
            f"dataset format: got {name!r}, expected a class with count, read and write; known are "
            f"{', '.join(available(FORMATS, GROUP))}."
        )
    return made
