"""Edits of recorded episodes that lose nothing: a new folder takes the place of the old one, which is archived."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from robot_rl.core.errors import ConfigError
from robot_rl.core.labels import LABEL_RULES
from robot_rl.core.records import StepRecord
from robot_rl.data.formats import DatasetFormat, Episode, make_format, read_metas
from robot_rl.data.stages import split_stages
from robot_rl.runtime.acting.demonstrations import HELD
from robot_rl.runtime.runs.run_folder import archive
from robot_rl.vision.recordings import OBJECT_STATES

Verdict = Literal["success", "failure"]
Meta = Mapping[str, Any]


@dataclass(frozen=True)
class Edits:
    """Edits of a folder, by the episodes' numbers in its table before the edit."""

    delete: Sequence[int] = ()
    split: Mapping[int, int] = field(default_factory=dict)
    """Episode -> first step of its second part."""
    relabel: Mapping[int, Verdict] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """Episodes that change."""
        return [*self.delete, *self.split, *self.relabel]

    def check(self, count: int, folder: Path) -> None:
        """Check the numbers.

        Raises:
            ConfigError: no such episode, or two edits of one.
        """
        for number in self.numbers:
            if not 0 <= number < count:
                raise ConfigError(f"episode: got {number}, expected 0 to {count - 1}, the episodes of {folder}.")
            if self.numbers.count(number) > 1:
                raise ConfigError(f"episode: got two edits of {number}, expected one; make them one after the other.")


def edit_folder(folder: Path, form: str, edits: Edits) -> Path:
    """Make a folder's edited copy, put it in its place, and return where the folder is archived.

    Raises:
        ConfigError: an edit that cannot be made; nothing has changed then.
        CorruptRecordError: a damaged episode that is to be changed; delete it.
    """
    dataset, part = make_format(form), folder.with_name(f"{folder.name}.part")
    edits.check(dataset.count(folder), folder)
    shutil.rmtree(part, ignore_errors=True)  # of an edit that was interrupted
    try:
        _write_edited(dataset, folder, part, edits)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    before = archive(folder)
    part.rename(folder)
    return before


def undo(folder: Path) -> Path:
    """Exchange a folder with its newest archive and return where the present one is then; a second undo redoes.

    Raises:
        ConfigError: there is no archive.
    """
    name = f"{folder.name}-before-"
    numbers = [path.name.removeprefix(name) for path in folder.parent.glob(f"{name}*")]
    if not (numbered := [int(number) for number in numbers if number.isdigit()]):
        raise ConfigError(f"undo: got {folder} without an earlier state, expected one beside it, {name}0.")
    newest, aside = folder.with_name(f"{name}{max(numbered)}"), folder.with_name(f"{folder.name}.undone")
    folder.rename(aside)
    newest.rename(folder)
    return aside.rename(newest)


def _write_edited(dataset: DatasetFormat, folder: Path, part: Path, edits: Edits) -> None:
    part.mkdir()
    places = _write_episodes(dataset, folder, part, edits)
    for meta, number in ((meta, i) for i, meta in enumerate(read_metas(dataset, folder / HELD))):
        owner = places.get(int(meta["demonstration"]))
        if owner is not None:
            steps, held = _episode(dataset, folder / HELD, number)
            dataset.write(part / HELD, Episode(steps, {**held, "demonstration": owner}))


def _write_episodes(dataset: DatasetFormat, folder: Path, part: Path, edits: Edits) -> dict[int, int]:
    """Write the episodes; return the new number of each old one that may have steps held after its success."""
    places, new = {}, 0
    for number in range(dataset.count(folder)):
        if number in edits.delete:
            continue
        new += _write_one(dataset, folder, number, part, edits)
        if edits.relabel.get(number) != "failure":
            places[number] = new - 1  # the end is in the last part
    return places


def _write_one(dataset: DatasetFormat, folder: Path, number: int, part: Path, edits: Edits) -> int:
    """Write an episode as what the edits make of it and return the number of parts."""
    copy: Any = getattr(dataset, "copy", None)
    if number not in edits.numbers and copy is not None:
        copy(folder, number, part)
        return 1
    episode = _episode(dataset, folder, number)
    if not episode.steps[0].actor:
        raise ConfigError(
            f"{folder}: got episodes that another program recorded, expected own ones; make them own with "
            f"`robot-rl export {folder} --out FOLDER --format episodes`, and edit those."
        )
    parts = [relabelled(episode, edits.relabel[number]) if number in edits.relabel else episode]
    if number in edits.split:
        parts = list(split(episode, edits.split[number]))
    for each in parts:
        dataset.write(part, each)
    return len(parts)


def _episode(dataset: DatasetFormat, folder: Path, number: int) -> Episode:
    one: Any = getattr(dataset, "episode", None)
    if one is None:
        raise ConfigError(f"{folder}: got a format without `episode`, expected 'episodes' or 'lerobot'; export it.")
    found: Episode = one(folder, number)
    return found


def split(episode: Episode, at: int) -> tuple[Episode, Episode]:
    """Return an episode in two: up to step `at`, whose observation closes the first part, and from there on.

    The first part ends without success, as if its time was over.

    Raises:
        ConfigError: a step that leaves a part without steps.
    """
    steps, meta = episode.steps, episode.meta
    if not 0 < at < len(steps):
        raise ConfigError(f"split: got step {at}, expected 1 to {len(steps) - 1} of this episode.")
    ending = replace(steps[at - 1], truncated=True, success=False, next_obs=steps[at].obs, next_frames=steps[at].frames)
    second = [replace(step, step=i) for i, step in enumerate(steps[at:])]
    objects, stages = list(meta.get(OBJECT_STATES, ())), split_stages(meta, at)
    first_meta = {name: value for name, value in meta.items() if name != "unsure"}
    return (
        _whole([*steps[: at - 1], ending], first_meta | stages[0], objects[: at + 1]),
        _whole(second, {**meta, **stages[1]}, objects[at:]),
    )


def relabelled(episode: Episode, verdict: Verdict) -> Episode:
    """Return an episode whose last step has another label."""
    rule, (*before, last) = LABEL_RULES[verdict], episode.steps
    won = bool(rule.success)
    ending = replace(last, reward=float(rule.reward or 0.0), terminated=True, truncated=False, success=won)
    meta = {name: value for name, value in episode.meta.items() if name != "unsure" or won}
    return _whole([*before, ending], meta, list(meta.get(OBJECT_STATES, ())))


def _whole(steps: Sequence[StepRecord], meta: Meta, objects: Sequence[Any]) -> Episode:
    """Return an episode with what its meta counts counted again."""
    counted = {"steps": len(steps), "reward": sum(step.reward for step in steps), "success": steps[-1].success}
    return Episode(steps, {**meta, **counted, **({OBJECT_STATES: objects} if objects else {})})


def parse_pairs(texts: Sequence[str], flag: str) -> Iterator[tuple[int, str]]:
    """Yield the numbers and values of flags of the form NUMBER=VALUE.

    Raises:
        ConfigError: another form.
    """
    for text in texts:
        number, _, value = text.partition("=")
        if not number.isdigit() or not value:
            raise ConfigError(f"--{flag}: got {text!r}, expected NUMBER=VALUE, as in the examples of --help.")
        yield int(number), value
