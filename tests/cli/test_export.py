"""`robot-rl export`: episodes from one format to another."""

from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.data.formats import Episode, make_format
from tests.data.builders import step_record

pytest.importorskip("pyarrow")
import pyarrow.parquet as pq


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Five episodes of one to five steps; every second one succeeds."""
    folder = tmp_path / "demos"
    for length in range(1, 6):
        steps = [step_record(uid, step=uid, episode=length) for uid in range(length)]
        end = step_record(9).obs
        won = length % 2 == 1
        steps[-1] = replace(steps[-1], terminated=won, truncated=not won, success=won, next_obs=end)
        make_format("episodes").write(folder, Episode(steps, {"task": "usb", "seed": length}))
    return folder


def lengths(folder: Path, form: str) -> list[int]:
    return [len(episode.steps) for episode in make_format(form).read(folder)]


def test_recordings_become_a_lerobot_dataset_and_come_back(recorded: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    assert main(["export", str(recorded), "--out", str(there)]) == 0
    assert main(["export", str(there), "--out", str(back), "--format", "episodes"]) == 0
    assert lengths(there, "lerobot") == lengths(back, "episodes") == [1, 2, 3, 4, 5]
    assert [episode.meta["seed"] for episode in make_format("episodes").read(back)] == [1, 2, 3, 4, 5]


def test_newest_successes_are_chosen(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(recorded), "--out", str(tmp_path / "two"), "--successes", "2"]) == 0
    assert lengths(tmp_path / "two", "lerobot") == [3, 5]
    assert main(["export", str(recorded), "--out", str(tmp_path / "all"), "--successes", "9"]) == 0
    assert lengths(tmp_path / "all", "lerobot") == [1, 3, 5]
    assert "fewer than 9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "out", "words", "text"),
    [
        ("nothing", "new", [], "without episodes"),
        ("demos", "demos", [], "which holds something, expected a new folder"),
        ("demos", "new", ["--successes", "0"], "successes"),
        ("demos", "new", ["--format", "lerobto"], "you mean 'lerobot'"),
        ("demos", "new", ["--format", "minari", "--video", "av1"], "expected lerobot"),
    ],
)
def test_wrong_requests_are_refused_and_nothing_is_written(
    recorded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    source: str,
    out: str,
    words: list[str],
    text: str,
) -> None:
    before = sorted(tmp_path.rglob("*"))
    try:
        code = main(["export", str(tmp_path / source), "--out", str(tmp_path / out), *words])
    except SystemExit as end:  # a wrong flag
        code = int(str(end.code))
    printed = capsys.readouterr()
    assert code == 2 and text in " ".join((printed.out + printed.err).split())
    assert sorted(tmp_path.rglob("*")) == before


def test_task_of_an_episode_is_a_sentence_for_models_that_read(recorded: Path, tmp_path: Path) -> None:
    assert main(["export", str(recorded), "--out", str(tmp_path / "a"), "--text", "plug the stick in"]) == 0
    (row,) = pq.read_table(tmp_path / "a" / "meta" / "tasks.parquet").to_pylist()
    assert "plug the stick in" in row.values()
    form, back = make_format("episodes"), tmp_path / "known"
    for episode in form.read(recorded):
        form.write(back, Episode(episode.steps, {**episode.meta, "task": "pick-lift"}))
    assert main(["export", str(back), "--out", str(tmp_path / "b")]) == 0
    (row,) = pq.read_table(tmp_path / "b" / "meta" / "tasks.parquet").to_pylist()
    assert "grasp a cube anywhere on a 20 cm square and lift it" in row.values()
