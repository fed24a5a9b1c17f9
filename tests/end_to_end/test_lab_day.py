"""The day in the lab: the commands of docs/lab.md one by one, on a task outside the package, with small numbers."""

import json
import re
import shlex
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes, read_meta
from robot_rl.tasks import find_task
from robot_rl.vision.architecture import load_encoder
from tests.trainings import SMALL_AGENT

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"
SCENE = Path(__file__).with_name("lab_scene.py")
CAMERAS = {"one": ("bench",), "three": ("hand_eye", "bench", "ceiling")}
SMALL = {
    "--episodes 20 --hold-success 9": "--episodes 4 --hold-success 3",
    "--episodes 10 --keep-failures": "--episodes 2 --keep-failures",
    "--out demos --by keyboard": f"--out demos --by {SCENE}:Person",
    "--out play --by keyboard": f"--out play --by {SCENE}:Wanderer",
    "--device keyboard": f"--device {SCENE}:Person --seconds 1",
    "--png usb-encoder.png": "--png usb-encoder.png --own.candidates 32 --write-refused",
    "--png usb-reward.png": "--png usb-reward.png --training.steps 60 --write-refused",
    "runs/usb --again --episodes 20": "runs/usb --again --episodes 1 --video-episodes 0",
    "--resume --run-name usb --minutes 30": "--resume --run-name usb --minutes 5 --env-steps 40",
    "--minutes 30": "--minutes 5 --env-steps 80 --evaluation.episodes 1 --human.kind none " + " ".join(SMALL_AGENT),
}
"""Words of the page -> those of this test: fewer episodes, steps and updates, and a scripted person."""
REFUSED_BY_TOO_LITTLE_TRAINING = ("eyes", "classifier")
GAPS = r"! \d+ gaps, the longest"
"""Fault of recordings made in real time on a computer that stood still meanwhile."""


def commands() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("robot-rl ")]
    for words, small in SMALL.items():
        assert any(words in line for line in lines), f"{PAGE} has no more: {words}"
        lines = [line.replace(words, small) for line in lines]
    return [shlex.split(line)[1:] for line in lines]


def write_task(path: Path, cameras: tuple[str, ...]) -> None:
    """Edit the new task's file as a person would: scene, limits, cameras of 96 x 96."""
    text = path.read_text(encoding="utf-8").replace("time_limit_s = 10.0", "time_limit_s = 7.0")
    text = text.replace(
        "[arm.workspace]",
        f'scene = "{SCENE}:Scene"\nexpert = "{SCENE}:PickLiftExpert"\nobject_size = 5\n\n[arm.workspace]',
        1,
    )
    text = re.sub(r"lower_m = .*", "lower_m = [0.36, -0.14, 0.018]", text)
    text = re.sub(r"upper_m = .*", "upper_m = [0.64, 0.14, 0.26]", text)
    head, _, tail = text.partition("[cameras.wrist]")
    training = tail[tail.index("[training]") :]
    tables = "".join(f"[cameras.{name}]\nheight = 96\nwidth = 96\n\n" for name in cameras)
    path.write_text(head + tables + training, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("cameras", CAMERAS)
def test_documented_day_runs_command_by_command(cameras: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    names = CAMERAS[cameras]
    outputs: dict[str, str] = {}
    for words in commands() if cameras == "three" else [w for w in commands() if w[0] not in ("train", "evaluate")]:
        code = main(words)
        outputs[" ".join(words[:2])] = text = capsys.readouterr().out
        refused = words[0] in REFUSED_BY_TOO_LITTLE_TRAINING and "refused: " in text
        stood_still = words[0] == "episodes" and re.search(GAPS, text) is not None
        assert code == int(refused or stood_still), f"{words}\n{text}"
        if words[:2] == ["task", "new"]:
            write_task(tmp_path / "usb.toml", names)
    task = find_task("usb.toml")
    assert tuple(task.cameras) == names and outputs["task check"].count("uint8[96, 96, 3]") == len(names)
    metas = [read_meta(path) for folder in ("demos", "play") for path in list_episodes(tmp_path / folder)]
    assert [meta["success"] for meta in metas] == [True] * 4 + [False] * 2
    assert all(meta["task"] == "usb" and set(meta["cameras"]) == set(names) for meta in metas)
    assert len(list_episodes(tmp_path / "demos" / "success")) == 4 and "10 steps" in outputs["teleop usb.toml"]
    assert load_encoder(tmp_path / "usb-encoder.safetensors").architecture.height == 96
    for png in ("usb-cameras.png", "usb-encoder.png", "usb-reward.png"):
        assert (tmp_path / png).stat().st_size > 1000
    if cameras == "three":
        assert json.loads((tmp_path / "runs/usb/evaluation/summary.json").read_text())["judges"] == ["ground-truth"]
        assert "training ended (budget)" in outputs["train usb.toml"] and (tmp_path / "runs/usb/report.md").is_file()
