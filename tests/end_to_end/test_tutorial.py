"""The commands of README and of docs/tutorial.md one by one, with small numbers and a scripted person."""

import json
import re
import shlex
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes
from tests.trainings import SMALL_AGENT

ROOT = Path(__file__).parents[2]
PAGE, FRONT = ROOT / "docs" / "tutorial.md", ROOT / "README.md"
FEW = "--minutes 5 --env-steps 60 --evaluation.episodes 1 --evaluation.video-episodes 1 " + " ".join(SMALL_AGENT)
SMALL = {
    "--episodes 3 --out expert.mp4": "--episodes 1 --out expert.mp4",
    "--device browser": "--device expert --seconds 1",
    "--by browser --episodes 10": "--by expert --episodes 3",
    "--minutes 4 --evaluation.episodes 20": FEW,
    "--minutes 10 --evaluation.episodes 20 --human.kind browser": f"{FEW} --human.kind none",
    "--again --episodes 50": "--again --episodes 1 --video-episodes 0",
    "clone runs/first --episodes 20": "clone runs/first --episodes 1 --updates 20",
    "--resume --run-name first --minutes 2": "--resume --run-name first --minutes 5 --env-steps 30",
}
"""Words of the page -> those of this test."""
SMALL_FRONT = {
    "--minutes 2 --evaluation.episodes 20": FEW,
    "--again --episodes 50": "--again --episodes 1 --video-episodes 1",
}
MAY_FAIL = {
    "doctor": "a part may be missing here",
    "export": "so little training may have no success",
    "episodes": "the computer may have stood still while they were recorded in real time",
}


def commands(page: Path, small: dict[str, str]) -> list[list[str]]:
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("robot-rl ")]
    for words, few in small.items():
        assert any(words in line for line in lines), f"{page} has no more: {words}"
        lines = [line.replace(words, few) for line in lines]
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_commands_of_the_front_page_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    *lines, help_line = commands(FRONT, SMALL_FRONT)
    for words in lines:
        assert main(words) == 0, words
    with pytest.raises(SystemExit, match="0"):
        main(help_line)
    (gif,) = re.findall(r"`robot-rl (report [^`]*)`", FRONT.read_text(encoding="utf-8"))
    assert main(shlex.split(gif)) == 0 and (tmp_path / "docs" / "lift.gif").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_first_hour_runs_command_by_command(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for words in commands(PAGE, SMALL):
        code = main(words)
        assert code == 0 or words[0] in MAY_FAIL, f"{words}\n{capsys.readouterr()}"
    assert len(list_episodes(tmp_path / "demos")) == 3
    for path in ("expert.mp4", "demos.mp4", "demos.png", "compare.png", "runs/first/report.html"):
        assert (tmp_path / path).stat().st_size > 1000, path
    for run in ("first", "mine", "alone"):
        assert json.loads((tmp_path / "runs" / run / "evaluation" / "summary.json").read_text())["episodes"] == 1
