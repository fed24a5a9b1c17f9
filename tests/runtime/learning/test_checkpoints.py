"""A checkpoint is whole or absent, and belongs to the run that made it."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import CheckpointError
from robot_rl.runtime.learning.checkpoints import ARRAYS_FILE, Checkpoints

ARRAYS = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "key": np.array([1, 2**32 - 1], np.uint32),
    "count": np.array(7, np.int64),
}
IDENTITY = {"agent": "abc", "schema": "def"}


def test_arrays_and_meta_round_trip_exactly(tmp_path: Path) -> None:
    Checkpoints(tmp_path, IDENTITY).save(12, ARRAYS, {"rng": {"state": 2**127}})
    checkpoint = Checkpoints(tmp_path, IDENTITY).latest()
    assert checkpoint is not None
    assert checkpoint.updates == 12 and checkpoint.meta == {"rng": {"state": 2**127}}
    for name, array in ARRAYS.items():
        assert np.array_equal(checkpoint.arrays[name], array)
        assert checkpoint.arrays[name].dtype == array.dtype


def test_the_newest_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, IDENTITY, keep=2)
    for updates in (8, 800, 90, 1000):
        checkpoints.save(updates, ARRAYS, {})
    assert [path.name for path in checkpoints.paths()] == ["update-000000000800", "update-000000001000"]


def test_the_same_update_is_replaced(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, IDENTITY)
    checkpoints.save(8, ARRAYS, {"turn": 1})
    checkpoints.save(8, ARRAYS, {"turn": 2})
    latest = checkpoints.latest()
    assert latest is not None and latest.meta == {"turn": 2}


def test_an_interrupted_save_leaves_the_previous_one(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, IDENTITY)
    checkpoints.save(8, ARRAYS, {})
    (tmp_path / ".unfinished-update-000000000016").mkdir()
    latest = checkpoints.latest()
    assert latest is not None and latest.updates == 8
    checkpoints.save(16, ARRAYS, {})
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_checkpoint_is_named_and_not_skipped(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path, IDENTITY).save(8, ARRAYS, {})
    (path / ARRAYS_FILE).write_bytes(b"torn")
    with pytest.raises(CheckpointError, match=r"got .*update-000000000008, expected a whole one"):
        Checkpoints(tmp_path, IDENTITY).latest()


def test_another_encoders_checkpoint_is_refused_and_one_without_an_encoder_is_read_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Checkpoints(tmp_path, IDENTITY).save(8, ARRAYS, {})
    assert Checkpoints(tmp_path, IDENTITY | {"encoder": "e1"}).latest() is not None
    assert "does not name its encoder; 'e1' is taken for it" in capsys.readouterr().err
    Checkpoints(tmp_path, IDENTITY | {"encoder": "e1"}).save(16, ARRAYS, {})
    with pytest.raises(CheckpointError, match="made for encoder 'e1', expected 'e2'"):
        Checkpoints(tmp_path, IDENTITY | {"encoder": "e2"}).latest()
    with pytest.raises(CheckpointError, match="made for encoder 'e1', expected None"):
        Checkpoints(tmp_path, IDENTITY).latest()


def test_another_agents_checkpoint_is_refused(tmp_path: Path) -> None:
    Checkpoints(tmp_path, IDENTITY).save(8, ARRAYS, {})
    with pytest.raises(CheckpointError, match="made for agent 'abc', expected 'xyz'"):
        Checkpoints(tmp_path, IDENTITY | {"agent": "xyz"}).latest()
