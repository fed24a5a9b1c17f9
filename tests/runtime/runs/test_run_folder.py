"""A run folder is never overwritten, and belongs to one process at a time."""

from pathlib import Path

import pytest

from robot_rl.core.errors import RunFolderError
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run, lock_run, new_run


def test_taken_name_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "first")
    folder.config_file.write_text("{}")
    with pytest.raises(RunFolderError, match=r"expected a name that is not taken; add --resume"):
        new_run(tmp_path / "first")
    assert folder.config_file.read_text() == "{}"


def test_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert new_run(tmp_path / "empty").root.is_dir()


def test_resuming_what_never_was_names_what_there_is(tmp_path: Path) -> None:
    new_run(tmp_path / "first").config_file.write_text("{}")
    with pytest.raises(RunFolderError, match=r"expected one of first; start one"):
        existing_run(tmp_path / "frist")


def test_second_trainer_of_the_same_run_is_refused(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "first")
    held = lock_run(folder)
    with pytest.raises(RunFolderError, match="held by process"):
        lock_run(folder)
    held.close()
    lock_run(folder).close()


def test_actors_are_listed_in_order(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for index in (10, 2, 0):
        folder.actor(index).mkdir()
    assert [path.name for path in folder.actors()] == ["actor-0", "actor-2", "actor-10"]


def test_evaluation_of_an_earlier_part_is_kept_but_not_in_the_way(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.set_evaluation_aside()
    for part in range(2):
        folder.evaluation.mkdir()
        (folder.evaluation / "summary.json").write_text(str(part))
        folder.set_evaluation_aside()
    kept = [path.read_text() for path in sorted(tmp_path.glob("evaluation-before-*/summary.json"))]
    assert kept == ["0", "1"] and not folder.evaluation.exists()
