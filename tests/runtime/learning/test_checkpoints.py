"""A checkpoint is whole or absent, and belongs to the run that made it."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import CheckpointError, StorageError
from robot_rl.runtime.learning.checkpoints import ARRAYS_FILE, META_FILE, Checkpoints

ARRAYS = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "key": np.array([1, 2**32 - 1], np.uint32),
    "count": np.array(7, np.int64),
}
IDENTITY = {"agent": "abc", "schema": "def"}
DISK_CALLS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}


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


def crash_at(point: int) -> None:
    """End this process at its call number `point` that changes the disk."""
    calls = iter(range(point))
    sys.addaudithook(lambda event, _: event in DISK_CALLS and next(calls, None) is None and os._exit(1))


@pytest.mark.filterwarnings("ignore:os.fork")  # the child runs no JAX
@pytest.mark.parametrize("updates", [8, 16])
def test_a_crash_at_any_call_leaves_a_whole_checkpoint(tmp_path: Path, updates: int) -> None:
    for point in range(100):
        folder = tmp_path / str(point)
        Checkpoints(folder, IDENTITY, keep=1).save(8, ARRAYS, {"turn": 1})
        child = os.fork()
        if child == 0:
            crash_at(point)
            Checkpoints(folder, IDENTITY, keep=1).save(updates, ARRAYS, {"turn": 2})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        latest = Checkpoints(folder, IDENTITY).latest()
        assert latest is not None and latest.meta["turn"] in (1, 2)
        Checkpoints(folder, IDENTITY, keep=1).save(updates, ARRAYS, {"turn": 3})
        latest = Checkpoints(folder, IDENTITY).latest()
        assert latest is not None and latest.meta == {"turn": 3}
        if status == 0:
            assert point > 5
            return
    pytest.fail("the save never came to its end")


@pytest.mark.parametrize("file", [ARRAYS_FILE, META_FILE])
def test_a_flipped_bit_is_found(tmp_path: Path, file: str) -> None:
    path = Checkpoints(tmp_path, IDENTITY).save(8, ARRAYS, {"turn": 1})
    data = bytearray((path / file).read_bytes())
    data[-3] ^= 1
    (path / file).write_bytes(data)
    with pytest.raises(CheckpointError, match="expected a whole one"):
        Checkpoints(tmp_path, IDENTITY).latest()


def test_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path, IDENTITY).save(8, ARRAYS, {})
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=path, check=True, capture_output=True)


@pytest.mark.parametrize("meta", ["null", '{"updates": Infinity, "identity": {}}', "[" * 100_000, '{"updates": 8}'])
def test_meta_that_is_none_is_refused(tmp_path: Path, meta: str) -> None:
    path = Checkpoints(tmp_path, IDENTITY).save(8, ARRAYS, {})
    (path / META_FILE).write_text(meta)
    (path / "SHA256SUMS").unlink()  # as of an earlier version
    with pytest.raises(CheckpointError, match="expected a whole one"):
        Checkpoints(tmp_path, IDENTITY).latest()


def test_a_disk_that_takes_no_checkpoint_keeps_the_one_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, IDENTITY)
    checkpoints.save(8, ARRAYS, {})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # bytes of a file: fewer than the arrays take
    try:
        with pytest.raises(StorageError, match="the checkpoints before are kept"):
            checkpoints.save(16, ARRAYS, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["update-000000000008"]
    latest = checkpoints.latest()
    assert latest is not None and latest.updates == 8


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
