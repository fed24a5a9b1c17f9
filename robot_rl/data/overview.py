"""Table of recorded episodes: one row each, with who acted, how it ended and what is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl.core.errors import CorruptRecordError
from robot_rl.core.records import Source
from robot_rl.data.formats import DatasetFormat, Episode
from robot_rl.data.health import camera_images, find_faults, seconds


@dataclass(frozen=True)
class Row:
    """One episode; the fields are the table's columns."""

    number: int
    steps: int = 0
    seconds: float = 0.0
    success: bool = False
    source: str = "-"
    """Who chose the actions: policy, human, demonstration, or both of them."""
    human: float = 0.0
    """Share of the steps that a human chose."""
    task: str = "-"
    cameras: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def read_each(dataset: DatasetFormat, folder: Path) -> Iterator[Episode | CorruptRecordError]:
    """Yield each episode, oldest first, or the error in its place where the format reads single ones."""
    one: Any = getattr(dataset, "episode", None)
    if one is None:
        yield from dataset.read(folder)
        return
    for number in range(dataset.count(folder)):
        try:
            yield one(folder, number)
        except CorruptRecordError as error:
            yield error


def describe(number: int, episode: Episode | CorruptRecordError, first: Row | None = None) -> Row:
    """Return an episode's row.

    Args:
        first: row of the folder's first whole episode, whose task and cameras the others should have.
    """
    if isinstance(episode, CorruptRecordError):
        return Row(number, faults=("damaged",))
    steps, meta = episode.steps, episode.meta
    human = sum(step.source not in (Source.POLICY, Source.RETREAT) for step in steps) / len(steps)
    names = sorted({step.source.name.lower() for step in steps}, reverse=True)
    task, cameras = str(meta.get("task") or meta.get("text") or "-"), tuple(camera_images(steps[-1:]))
    faults = (*find_faults(episode), *_differences(task, cameras, first))
    won = bool(meta.get("success", steps[-1].success))
    return Row(number, len(steps), seconds(steps), won, " + ".join(names), human, task, cameras, faults)


def _differences(task: str, cameras: Sequence[str], first: Row | None) -> Iterator[str]:
    if first is not None and task != first.task:
        yield "another task"
    if first is not None and tuple(cameras) != first.cameras:
        yield "other cameras"
