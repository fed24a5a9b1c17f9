"""A run folder is never overwritten, and belongs to one process at a time."""

from pathlib import Path

import pytest

from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.runtime.runs.run_folder import (
    RunFolder,
    default_run_name,
    existing_run,
    finish_result,
    lock_run,
    new_result,
    new_run,
    run_root,
)


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


def test_evaluation_of_an_earlier_part_is_archived(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.archive_evaluation()
    for part in range(2):
        folder.evaluation.mkdir()
        (folder.evaluation / "summary.json").write_text(str(part))
        folder.archive_evaluation()
    kept = [path.read_text() for path in sorted(tmp_path.glob("evaluation-before-*/summary.json"))]
    assert kept == ["0", "1"] and not folder.evaluation.exists()


def test_result_appears_whole_and_never_over_another(tmp_path: Path) -> None:
    folder = tmp_path / "evaluation"
    for number in range(3):
        with new_result(folder, again=True) as part:
            (part / "summary.json").write_text(str(number))
            assert (folder / "summary.json").exists() == (number > 0)
        finish_result(part, folder)
    with pytest.raises(RunFolderError, match="holds a result already"), new_result(folder, again=False):
        pass
    kept = {path.name: (path / "summary.json").read_text() for path in tmp_path.iterdir()}
    assert kept == {"evaluation-before-0": "0", "evaluation-before-1": "1", "evaluation": "2"}


def test_rest_of_an_interrupted_result_is_kept_apart_from_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_result(tmp_path / "evaluation", again=False) as part:
        (part / "summary.json").write_text("half")
    with new_result(tmp_path / "evaluation", again=False) as part:
        assert list(part.iterdir()) == []
    kept = tmp_path / "evaluation.part-before-0"
    assert (kept / "summary.json").read_text() == "half" and str(kept) in capsys.readouterr().out


def test_two_at_once_on_one_result_are_refused_and_the_first_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "evaluation"
    with new_result(folder, again=False) as part:
        for _ in range(2):
            with pytest.raises(RunFolderError, match="another process works"), new_result(folder, again=True):
                pass
            (part / "summary.json").write_text("mine")
    finish_result(part, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation"]
    assert (folder / "summary.json").read_text() == "mine"


def test_result_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half way"), new_result(tmp_path / "evaluation", again=True) as part:
        (part / "video.mp4").write_bytes(b"half")
        raise ValueError("half way")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../first", "/first", "a/b", "x" * 300, "a\0"])
def test_run_name_that_is_not_one_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="run_name: got"):
        run_root(tmp_path, name)


def test_run_names_may_be_of_any_script(tmp_path: Path) -> None:
    assert run_root(tmp_path, "Übung 1").parent == tmp_path


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("pick-lift", "pick-lift"),
        ("gym:gym_hil/PandaPickCube-v0", "PandaPickCube-v0"),
        ("/labs/one/worlds.py:Corridor", "Corridor"),
        ("my tasks/usb plug.toml", "usb-plug.toml"),
        ("gym:", "run"),
    ],
)
def test_default_name_is_one_folder_named_after_the_task(tmp_path: Path, task: str, name: str) -> None:
    made = default_run_name(task)
    assert made.startswith(f"{name}-2") and run_root(tmp_path, made).parent == tmp_path
