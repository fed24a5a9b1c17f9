"""A task from a file outside the package, TOML or Python, through the public commands."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes, read_episode
from tests.contracts.listings import listing
from tests.trainings import SMALL_AGENT


@pytest.fixture
def reach(tmp_path: Path) -> Path:
    path = tmp_path / "reach.py"
    path.write_text(listing("reach.py"))
    return path


def test_task_of_a_toml_file_is_recorded_with_its_own_camera_and_limits(tmp_path: Path, capsys) -> None:
    path, demos = tmp_path / "gentle_lift.toml", tmp_path / "demos"
    path.write_text(listing("gentle_lift.toml"))
    assert main(["record", str(path), "--out", str(demos), "--episodes", "1"]) == 0
    assert "1 demonstrations" in capsys.readouterr().out
    steps, _ = read_episode(list_episodes(demos)[0])
    assert steps[-1].success and steps[0].obs["wrist"].shape == (96, 96, 3) and "side" not in steps[0].obs
    assert main(["train", str(path), "--print-config"]) == 0
    config = json.loads(capsys.readouterr().out)
    assert config["task"] == str(path) and config["agent"]["discount"] == 0.95
    assert config["agent"]["num_critics"] == 2 and config["rewards"] == ["ground-truth", "human-label"]


@pytest.mark.slow
def test_task_of_a_python_file_is_recorded_by_its_expert_and_trained(reach: Path, tmp_path: Path, capsys) -> None:
    demos = tmp_path / "demos"
    task = [str(reach), "--vision.mode", "state"]
    assert main(["record", *task, "--out", str(demos), "--episodes", "2"]) == 0
    steps, _ = read_episode(list_episodes(demos)[0])
    assert steps[-1].success and steps[0].action.shape == (6,) and np.abs(steps[0].action).max() <= 1.0
    assert steps[0].obs["state"].shape == (24 + 3,)
    words = ["train", *task, "--demonstrations-from", str(demos), "--env-steps", "60", "--evaluation.episodes", "1"]
    words += SMALL_AGENT
    assert main([*words, "--runs", str(tmp_path), "--run-name", "reach", "--seed", "100", "--human.kind", "none"]) == 0
    assert json.loads((tmp_path / "reach" / "evaluation" / "summary.json").read_text())["episodes"] == 1
    assert (tmp_path / "reach" / "task-00-reach.py").read_bytes() == reach.read_bytes()


def test_wrong_key_of_a_task_is_refused_with_the_nearest(tmp_path: Path, capsys) -> None:
    path = tmp_path / "task.toml"
    path.write_text(listing("gentle_lift.toml").replace("tilt_rad", "tlt_rad"))
    assert main(["train", str(path), "--print-config"]) == 2
    assert "did you mean 'tilt_rad'" in capsys.readouterr().err


def test_new_task_is_written_checked_and_never_overwritten(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["task", "new", "usb"]) == 0
    assert main(["task", "check", "usb.toml"]) == 0
    output = capsys.readouterr().out
    assert "gripper(close|hold|open)" in output and "wrist uint8[128, 128, 3]" in output and "scene: none" in output
    assert main(["task", "new", "usb"]) == 2 and main(["task", "new", "Usb Plug"]) == 2
    assert main(["task", "check", "pick-lift"]) == 0 and "scene and expert: present" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("lower_m = [0.7, -0.14, 0.018]", "expected lower below upper in each axis"),
        ("lower_m = [0.36, -0.14, 0.21]", "start: got position_m .*, expected a place in the workspace"),
    ],
)
def test_impossible_workspace_is_refused_with_both_sides(line: str, text: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "task.toml"
    path.write_text(listing("gentle_lift.toml").replace("lower_m = [0.36, -0.14, 0.018]", line))
    assert main(["task", "check", str(path)]) == 2
    assert re.search(text, capsys.readouterr().err)


def test_camera_that_the_scene_lacks_is_refused_with_both_sides(tmp_path: Path, capsys) -> None:
    path = tmp_path / "task.toml"
    path.write_text(listing("gentle_lift.toml").replace("[cameras.wrist]", "[cameras.bench]"))
    assert main(["task", "check", str(path)]) == 2
    assert "got 'bench', expected one of 'side', 'wrist'" in capsys.readouterr().err
