"""`robot-rl episodes`: what a person reads and does about recordings."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes
from robot_rl.data.formats import make_format
from robot_rl.runtime.runs.captions import GREEN, RED
from tests.data.camera_episodes import camera_episode


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    folder = tmp_path / "demos"
    for number, won in enumerate((True, False, True)):
        make_format("episodes").write(folder, camera_episode(8 + number, won, episode=number))
    return folder


def test_table_has_a_row_an_episode(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["episodes", str(recorded)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["episode", "steps", "seconds", "success", "source", "human", "task", "cameras"]
    assert lines[2] == ["1", "9", "0.9", "no", "policy", "0%", "usb", "wrist"]
    assert " ".join(lines[4]) == "3 episodes, 0.0 minutes, 2 successes, 0 with faults"


def test_damaged_episode_is_a_row_and_can_be_deleted(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_episodes(recorded)[1].write_bytes(b"damaged")
    assert main(["episodes", str(recorded)]) == 1
    assert "! damaged" in capsys.readouterr().out
    assert main(["episodes", str(recorded), "--delete", "1"]) == 0
    assert "2 episodes" in capsys.readouterr().out and "demos-before-0" in [p.name for p in recorded.parent.iterdir()]
    assert main(["episodes", str(recorded), "--undo"]) == 1


def test_grid_shows_each_episode_with_its_outcome(recorded: Path, tmp_path: Path) -> None:
    png, mp4 = tmp_path / "new" / "grid.png", tmp_path / "new" / "grid.mp4"
    assert main(["episodes", str(recorded), "--thumbnails", str(png), "--video", str(mp4), "--only", "1", "2"]) == 0
    colours = np.asarray(Image.open(png)).reshape(-1, 3).tolist()
    assert list(GREEN) in colours and list(RED) in colours
    with av.open(str(mp4)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 11 + 10


def test_coverage_and_quality_are_printed_with_what_they_are_relative_to(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["episodes", str(recorded), "--coverage", "--reference", str(recorded), "--expert", str(recorded)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "unique state-action pairs of 27 steps" in text and "in tenths of its range" in text
    assert "SACo 1.000" in text and "100% are here" in text
    assert f"mean return 0.667 between 0 (lowest episode) and 0.667 ({recorded})" in text


def test_coverage_is_printed_as_json_of_the_chosen_episodes(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["episodes", str(recorded), "--coverage", "--json", "--only", "0", "1", "--random", "-1", "--expert", "1"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["number"] for row in found["episodes"]] == [0, 1] and found["coverage"]["steps"] == 17
    assert found["coverage"]["saco"] is None and found["quality"] == {
        "mean": 0.5,
        "random": -1,
        "expert": 1,
        "tq": 0.75,
    }
    assert main(["episodes", str(recorded), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["episodes"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--reference", "demos"], "add --coverage"),
        (["--coverage", "--reference", "nothing"], "without episodes"),
        (["--json", "--delete", "0"], "run the command twice"),
        (["--relabel", "1=good"], "1=success or 1=failure"),
        (["--split", "1"], "expected NUMBER=VALUE"),
        (["--split", "1=x"], "expected a number"),
        (["--undo"], "without an earlier state"),
        (["--format", "lerobto"], "lerobot"),
    ],
)
def test_wrong_requests_are_refused(recorded: Path, capsys: pytest.CaptureFixture[str], words, text: str) -> None:
    try:
        code = main(["episodes", str(recorded), *words])
    except SystemExit as end:  # a wrong flag
        code = int(str(end.code))
    printed = capsys.readouterr()
    assert code == 2 and text in " ".join((printed.out + printed.err).split())


def test_folder_without_episodes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["episodes", str(tmp_path)]) == 2
    assert "without episodes" in capsys.readouterr().err
