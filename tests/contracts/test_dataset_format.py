"""A dataset format from a file outside the package, through `robot-rl record` and back into the learner's records."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.records import StepRecord
from robot_rl.data.formats import FORMATS, DatasetFormat, Episode, make_format
from robot_rl.runtime.acting.demonstrations import load_demonstrations
from robot_rl.runtime.acting.record import RecordingConfig
from tests.contracts.listings import listing
from tests.data.builders import step_record

FILE = listing("lab_datasets.py") + "\n\nclass NoFormat:\n    pass\n"


@pytest.fixture
def shelf(tmp_path: Path) -> str:
    path = tmp_path / "lab_datasets.py"
    path.write_text(FILE)
    return f"{path}:Shelf"


def test_demonstrations_are_recorded_and_loaded_in_a_format_of_a_file(shelf: str, tmp_path: Path) -> None:
    out = tmp_path / "demos"
    words = ["record", "pick-lift-state-only", "--out", str(out), "--episodes", "1", "--demonstrations-format", shelf]
    assert main(words) == 0 and main(words) == 0  # the second finds what it needs
    assert [path.name for path in out.iterdir()] == ["shelf"]
    steps = list(load_demonstrations(out, None, dataset=shelf))
    assert [step.sequence for step in steps] == list(range(len(steps))) and steps[-1].success


@pytest.mark.parametrize("name", ["shelf", *sorted(FORMATS.keys() - {"run"})])  # a run is only read
def test_every_format_returns_what_was_written_in_order(name: str, shelf: str, tmp_path: Path) -> None:
    made, folder = make_format(shelf if name == "shelf" else name), tmp_path / "set"
    assert isinstance(made, DatasetFormat) and made.count(folder) == 0 and not list(made.read(folder))
    written = [Episode(episode_of(length), {"seed": length}) for length in (1, 4)]
    for episode in written:
        made.write(folder, episode)
    assert made.count(folder) == 2
    for episode, before in zip(made.read(folder), written, strict=True):
        assert episode.meta == before.meta and len(episode.steps) == len(before.steps)
        for step, original in zip(episode.steps, before.steps, strict=True):
            np.testing.assert_array_equal(step.action, original.action)
            assert step.obs.keys() == original.obs.keys() and step.last == original.last


def episode_of(length: int) -> list[StepRecord]:
    steps = [step_record(uid, step=uid, episode=length) for uid in range(length - 1)]
    return [*steps, step_record(length, closing_uid=length + 1, step=length - 1, episode=length, terminated=True)]


def test_what_is_no_format_is_refused(shelf: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="'episodes'"):
        RecordingConfig(tmp_path, 1, format="episode")
    with pytest.raises(ConfigError, match="expected a class with count, read and write"):
        make_format(shelf.replace("Shelf", "NoFormat"))
