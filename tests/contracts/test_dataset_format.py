"""A dataset format from a file outside the package, through `robot-rl record` and back into the learner's records."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.records import StepRecord
from robot_rl.data.formats import FORMATS, DatasetFormat, Episode, make_format
from robot_rl.runtime.acting.record import RecordingConfig, load_demonstrations
from tests.data.builders import step_record

FILE = '''
import json

import numpy as np

from robot_rl.core.records import Source, StepRecord
from robot_rl.core.records import StepRecord
from robot_rl.data.formats import Episode

FIELDS = ("action", "policy_action", "human_action", "reward", "terminated", "truncated", "success", "source")


class Shelf:
    """One compressed .npz an episode, in a folder of its own."""

    def _files(self, folder):
        return sorted((folder / "shelf").glob("*.npz"))

    def count(self, folder):
        return len(self._files(folder))

    def read(self, folder):
        for file in self._files(folder):
            arrays = dict(np.load(file))
            frames = {name[4:]: array for name, array in arrays.items() if name.startswith("obs/")}
            steps = [self._step(arrays, frames, t) for t in range(len(arrays["reward"]))]
            yield Episode(steps, json.loads(str(arrays["meta"])))

    def _step(self, arrays, frames, t):
        fields = {name: arrays[name][t] for name in FIELDS[:3]}
        fields |= {name: arrays[name][t].item() for name in FIELDS[3:7]} | {"source": Source(int(arrays["source"][t]))}
        following = {name: array[t + 1] for name, array in frames.items()}
        last = fields["terminated"] or fields["truncated"]
        return StepRecord("", "", -1, 0, t, {name: array[t] for name, array in frames.items()}, **fields,
                          next_obs=following if last else None, policy_version=-1, stamp_ns=0)

    def write(self, folder, episode):
        steps = episode.steps
        frames = [step.obs for step in steps] + [steps[-1].next_obs]
        arrays = {"obs/" + name: np.stack([frame[name] for frame in frames]) for name in frames[0]}
        arrays |= {name: np.stack([np.asarray(getattr(step, name)) for step in steps]) for name in FIELDS}
        (folder / "shelf").mkdir(parents=True, exist_ok=True)
        np.savez(folder / "shelf" / f"{self.count(folder):06d}.npz", meta=json.dumps(dict(episode.meta)), **arrays)


class NoFormat:
    pass
'''


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


@pytest.mark.parametrize("name", [*FORMATS, "shelf"])
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
