"""The commands of README and of docs/tutorial.md one by one, with small numbers and a scripted person."""

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes
from tests.trainings import SMALL_AGENT
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PAGE, FRONT = ROOT / "docs" / "tutorial.md", ROOT / "README.md"
FEW = "--minutes 5 --env-steps 60 --evaluation.episodes 1 --evaluation.video-episodes 0 " + " ".join(SMALL_AGENT)
FEW_SHOWN = FEW.replace("video-episodes 0", "video-episodes 1")
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
    "--minutes 2 --evaluation.episodes 20": FEW.replace(
        "--evaluation.video-episodes 0", "--evaluation.video-episodes 1"
    ),
    "--again --episodes 50": "--again --episodes 1 --video-episodes 1",
}
INLINE = {
    "train pick-lift --minutes 4 --evaluation.episodes 20 --run-name first": "the first command of the page, longer",
    "report runs/first --gif docs/lift.gif --gif-s 11.2": "test_commands_of_the_front_page_run",
    "doctor robot --arm fr3 --address 172.16.0.2": "test_commands_of_the_front_page_run",
    "train pick-lift --page": "tests/page/test_training.py",
    "serve pick-lift": "tests/end_to_end/served_process.py",
    "--help": "tests/cli/test_commands.py",
}
"""Command within a sentence of the front page -> where it runs."""
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
    (gif,) = (line for line in inline() if line.startswith("report "))
    assert main(shlex.split(gif)) == 0 and (tmp_path / "docs" / "lift.gif").stat().st_size > 1000
    (doctor,) = (line for line in inline() if line.startswith("doctor "))
    assert main(shlex.split(doctor.replace("172.16.0.2", "127.0.0.1"))) == 1  # no arm is there
    assert tensorboard_runs(tmp_path / "runs") != []


def inline() -> list[str]:
    """Return the commands within the sentences of the front page."""
    return re.findall(r"`robot-rl ([^`]*)`", FRONT.read_text(encoding="utf-8"))


def tensorboard_runs(folder: Path) -> list[str]:
    """Return what TensorBoard shows of a folder."""
    program = str(Path(sys.executable).with_name("tensorboard"))
    words = [program, "--logdir", str(folder), "--port", "0", "--load_fast=false"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as shown:
        try:
            assert shown.stderr is not None
            url = next(match[1] for line in shown.stderr if (match := re.search(r"at (http://\S+?)/? ", line)))

            def runs() -> list[str]:
                with urllib.request.urlopen(f"{url}/data/runs") as answer:
                    return list(json.load(answer))

            return list(eventually(runs))
        finally:
            shown.terminate()


def test_each_command_within_a_sentence_of_the_front_page_runs_somewhere() -> None:
    assert set(inline()) == set(INLINE)
    for line, where in INLINE.items():
        if where.endswith(".py"):
            text = (ROOT / where).read_text(encoding="utf-8")
            assert f'"{line.split()[0]}"' in text and (ROOT / where).is_file(), line


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
