"""Damage of what a learner starts from, also forged so that its sums fit, is refused by name or costs what it hits."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from robot_rl.core.errors import CheckpointError, RobotRLError, RunFolderError
from robot_rl.data.episodes import write_episode
from robot_rl.runtime.acting.demonstrations import load_demonstrations
from robot_rl.runtime.learning.checkpoints import ARRAYS_FILE, META_FILE, SUMS_FILE
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode, encode
from tests.runtime.learning.learner_builders import ScriptedServer, TinyBackend, demonstrations, episodes
from tests.runtime.learning.test_learner import Run

WHOLE = r"expected a whole one \(.*\); remove this folder to continue from the one before it"


def change_meta(**values: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        meta = json.loads((path / META_FILE).read_text())
        (path / META_FILE).write_text(json.dumps(meta | values))

    return change


def change_array(value: float) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        arrays = safetensors.numpy.load_file(path / ARRAYS_FILE)
        arrays["momentum"][1] = value
        safetensors.numpy.save_file(arrays, path / ARRAYS_FILE)

    return change


def halve_arrays(path: Path) -> None:
    data = (path / ARRAYS_FILE).read_bytes()
    (path / ARRAYS_FILE).write_bytes(data[: len(data) // 2])


def lose_meta(path: Path) -> None:
    (path / META_FILE).unlink()


def lose_momentum(path: Path) -> None:
    arrays = safetensors.numpy.load_file(path / ARRAYS_FILE)
    del arrays["momentum"]
    safetensors.numpy.save_file(arrays, path / ARRAYS_FILE)


def generator_state(state: Any, kind: str = "PCG64") -> dict[str, Any]:
    return {"bit_generator": kind, "state": state, "has_uint32": 0, "uinteger": 0}


def forge_sums(path: Path) -> None:
    files = [path / name for name in (ARRAYS_FILE, META_FILE) if (path / name).exists()]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (path / SUMS_FILE).write_text("".join(lines))


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (halve_arrays, WHOLE),
        (lose_meta, WHOLE),
        (change_array(np.nan), "momentum holds NaN or infinity"),
        (change_array(np.inf), "momentum holds NaN or infinity"),
        (change_meta(updates=-5), "updates: -5"),
        (change_meta(updates=8.5), r"updates: 8\.5"),
        (change_meta(identity=[]), "made for agent None, expected 'tiny'"),
        (change_meta(identity={"agent": "tiny", "schema": "x"}), "made for schema 'x', expected None"),
        (change_meta(replay_rng=None), "does not load"),
        (change_meta(replay_rng=generator_state({"state": np.inf, "inc": 1})), "does not load"),
        (change_meta(replay_rng=generator_state({"state": -1, "inc": 2**200})), "does not load"),
        (change_meta(replay_rng=generator_state({"state": 1, "inc": 1}, "MT19937")), "does not load"),
        (lose_momentum, "does not load"),
    ],
)
def test_checkpoint_that_was_changed_is_refused_though_its_sums_fit(
    tmp_path: Path, damage: Callable[[Path], None], text: str
) -> None:
    Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(10)
    (path,) = tmp_path.iterdir()
    damage(path)
    forge_sums(path)
    with pytest.raises(CheckpointError, match=text):
        Run(tmp_path, ScriptedServer([], recovered=list(episodes(2, 10)))).go(1)
    assert path.exists(), "what is damaged stays for a person to see"


def test_file_in_the_place_of_a_checkpoint_is_named(tmp_path: Path) -> None:
    Run(tmp_path, ScriptedServer([list(episodes(2, 10))])).go(10)
    stray = tmp_path / "update-999999999999"
    stray.write_text("x")
    with pytest.raises(CheckpointError, match=f"got {stray}, expected a whole one"):
        Run(tmp_path, ScriptedServer([])).go(1)


def test_without_its_checkpoints_a_run_learns_again_from_its_journal(tmp_path: Path) -> None:
    records = list(episodes(4, 10))
    first = Run(tmp_path / "run", ScriptedServer([records])).go(60)
    shutil.rmtree(tmp_path / "run")
    again = Run(tmp_path / "run", ScriptedServer([], recovered=records)).go(60)
    assert first.updates == again.updates == 2 * 40
    assert all(
        np.array_equal(array, again.backend.state_dict()[name]) for name, array in first.backend.state_dict().items()
    )


def test_resumed_run_goes_on_from_its_checkpoint_whatever_seed_it_is_given(tmp_path: Path) -> None:
    records = list(episodes(6, 10))
    Run(tmp_path / "a", ScriptedServer([records])).go(10)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    runs = [Run(tmp_path / name, ScriptedServer([], recovered=records)) for name in "ab"]
    runs[1].backend = TinyBackend(seed=99)
    states = [run.go(20).backend.state_dict() for run in runs]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


def test_demonstrations_that_are_missing_since_the_checkpoint_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(tmp_path, ScriptedServer([])).go(10, demonstrations(4, 10))
    Run(tmp_path, ScriptedServer([])).go(1, demonstrations(3, 10))
    assert "demonstrations: 10 of the 40 transitions that the checkpoint was made with" in capsys.readouterr().out


def test_demonstrations_that_are_gone_or_cut_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"got 0 episodes in .*nothing, expected at least one"):
        list(load_demonstrations(tmp_path / "nothing", None))
    for records in (episodes(1, 5), episodes(1, 5)):
        write_episode(tmp_path / "demos", records, {"success": True})
    second = sorted((tmp_path / "demos").iterdir())[1]
    second.write_bytes(second.read_bytes()[:-100])
    with pytest.raises(RobotRLError, match=second.name):
        list(load_demonstrations(tmp_path / "demos", None))


JOURNAL_DAMAGE: dict[str, tuple[Callable[[bytearray], bytearray], int]] = {
    "last 37 bytes cut": (lambda data: data[:-37], 1),
    "last 64 bytes zeroed": (lambda data: data[:-64] + bytearray(64), 1),
    "4096 zeros appended": (lambda data: data + bytearray(4096), 0),
    "a bit at a third": (lambda data: flipped(data, len(data) // 3), 1),
    "a bit in the first record": (lambda data: flipped(data, 40), 1),
    "a record twice": (lambda data: data + data[len(data) * 2 // 3 :], 0),
    "its own bytes again": (lambda data: data + data, 0),
}
"""Change of the newest segment's bytes -> records of it that may be lost at most."""


def flipped(data: bytearray, place: int) -> bytearray:
    data[place] ^= 1
    return data


@pytest.mark.parametrize("segments", [1, 4])
@pytest.mark.parametrize("kind", JOURNAL_DAMAGE)
def test_learner_has_what_a_damaged_journal_still_holds(tmp_path: Path, kind: str, segments: int) -> None:
    records, (change, lost) = episodes(4, 10), JOURNAL_DAMAGE[kind]
    size = sum(sum(map(len, encode(record))) for record in records)
    with Journal(tmp_path / "journal", size // segments) as journal:
        for record in records:
            journal.append(encode(record))
    newest = max((tmp_path / "journal").glob("*.log"), key=lambda path: path.stat().st_size)
    newest.write_bytes(change(bytearray(newest.read_bytes())))
    with Journal(tmp_path / "journal", size // segments) as journal:
        recovered = [decode(parts) for _, parts in journal.read()]
    numbers = [record.sequence for record in recovered]
    assert numbers == sorted(set(numbers)) and len(numbers) >= len(records) - lost
    run = Run(tmp_path / "checkpoints", ScriptedServer([], recovered=recovered)).go(100)
    assert run.updates > 0 and run.replay.counts()["online"] >= len(records) - 4 * lost - 1
