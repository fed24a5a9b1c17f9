"""Steps of a run, from its learner's journal: whole episodes as a dataset, or all of them as data of another run."""

import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.core.records import Record, Source, StepRecord
from robot_rl.data.formats import Episode
from robot_rl.data.stages import LABEL, STAGES
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored


class RunEpisodes:
    """Dataset format `run`: a folder is a run's folder, and its episodes are those that the actors sent whole."""

    def count(self, folder: Path) -> int:
        """Return the number of whole episodes."""
        return sum(1 for _ in self.read(folder))

    def read(self, folder: Path) -> Iterator[Episode]:
        """Yield the whole episodes in the order of their ends; labels that came later change none.

        Raises:
            RunFolderError: no run's folder, or one whose learner is running.
        """
        run = RunFolder(folder)
        if not (run.config_file.is_file() and (run.learner / "journal").is_dir()):
            raise RunFolderError(
                f"run: got {folder}, expected a run's folder with config.json and learner/journal; demonstrations of "
                "`robot-rl record` have the format `episodes`."
            )
        encoder = json.loads(run.config_file.read_text("utf-8"))["vision"]["identity"]
        with Journal(run.learner / "journal", shared=True) as journal:
            for steps, stages in _whole_episodes(journal):
                meta = {"success": steps[-1].success, "steps": len(steps)} | ({STAGES: stages} if stages else {})
                yield Episode(steps, meta if encoder is None else {**meta, "encoder": encoder})

    def write(self, folder: Path, episode: Episode) -> None:
        """Refuse: only a learner writes a journal."""
        raise ConfigError("demonstrations_format: got run, which is only read, expected episodes; omit the flag.")


PRIOR_ACTOR = "prior"
"""Before the names of an earlier run's actors."""


def prior_records(folder: RunFolder) -> Generator[Record]:
    """Yield the steps that a run gathered, as those of an earlier run, with the labels of its human.

    Raises:
        RunFolderError: it gathered none, or its learner is running.
    """
    path, found = folder.learner / "journal", False
    if path.is_dir():
        with Journal(path, shared=True) as journal:
            for _, parts in journal.read():
                yield _as_prior(decode_stored(parts)[0])
                found = True
    if not found:
        raise RunFolderError(
            f"prior: got {folder.root} without steps of an actor, expected a run that gathered some; demonstrations "
            "of a run are data by --demonstrations-from RUN/demonstrations."
        )


def _as_prior(record: Record) -> Record:
    actor = f"{PRIOR_ACTOR}/{record.actor}"
    if not isinstance(record, StepRecord):
        return replace(record, actor=actor)
    human = record.source == Source.HUMAN
    return replace(record, actor=actor, source=Source.PRIOR_HUMAN if human else Source.PRIOR)


def _whole_episodes(journal: Journal) -> Iterator[tuple[list[StepRecord], list[int]]]:
    """Yield the steps of each episode of which none is missing, and those that a stage was labelled at."""
    open_episodes: dict[tuple[str, str, int], tuple[list[StepRecord], list[int]]] = {}
    for _, parts in journal.read():
        record = decode_stored(parts)[0]
        key = (record.actor, record.run, record.episode)
        if not isinstance(record, StepRecord):
            if record.label == LABEL and key in open_episodes:
                open_episodes[key][1].append(record.step)
            continue
        steps, stages = open_episodes.setdefault(key, ([], []))
        steps.append(record)
        if record.last:
            del open_episodes[key]
            if [step.step for step in steps] == list(range(len(steps))):
                yield steps, stages
