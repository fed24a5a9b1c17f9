"""An environment from a file outside the package, and a registered one, through the public commands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.cli import main
from tests.contracts.listings import listing
from tests.trainings import SMALL_AGENT

FILE = (
    listing("lab_environments.py")
    + """

from robot_rl.teleop.device import DeviceState, ScriptedDevice


class Guide(ScriptedDevice):
    \"\"\"Walks ahead.\"\"\"

    @classmethod
    def open(cls, context):
        return cls()

    def reset(self):
        pass

    def read(self, proposed=None):
        return DeviceState(np.ones(1, np.float32), engaged=True)

    def close(self):
        pass
"""
)


@pytest.mark.slow
def test_environment_of_a_file_is_trained_evaluated_and_reported(tmp_path: Path, capsys) -> None:
    file = tmp_path / "lab.py"
    file.write_text(FILE)
    words = ["train", f"{file}:Corridor", "--env.kwargs", '{"length": 0.5}', "--vision.mode", "state", "--env-steps"]
    words += ["300", "--runs", str(tmp_path), "--run-name", "walk", "--evaluation.episodes", "3", "--seed", "100"]
    assert main(words) == 0
    run = tmp_path / "walk"
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert summary["episodes"] == 3 and summary["period_s"] == 0.05
    assert (run / "evaluation" / "video.mp4").stat().st_size > 0 and (run / "report.md").exists()
    config = json.loads((run / "config.json").read_text())
    assert config["human"]["kind"] == "none" and config["demonstrations"] == 0
    assert json.loads(config["env"]["kwargs"]) == {"length": 0.5}
    capsys.readouterr()
    assert main(["evaluate", str(run), "--episodes", "2", "--again"]) == 0
    assert "success" in capsys.readouterr().out


@pytest.mark.slow
def test_demonstrations_of_a_foreign_environment_are_recorded_and_learned_from(tmp_path: Path, capsys) -> None:
    file, demos = tmp_path / "lab.py", tmp_path / "demos"
    file.write_text(FILE)
    task = [f"{file}:Corridor", "--vision.mode", "state"]
    assert main(["record", *task, "--out", str(demos), "--episodes", "3", "--by", f"{file}:Guide"]) == 0
    assert "3 demonstrations" in capsys.readouterr().out
    words = ["train", *task, "--demonstrations-from", str(demos), "--env-steps", "60", "--evaluation.episodes", "0"]
    words += SMALL_AGENT
    assert main([*words, "--runs", str(tmp_path), "--run-name", "led", "--seed", "100"]) == 0
    lines = (tmp_path / "led" / "learner" / "metrics.jsonl").read_text().splitlines()
    updates = [json.loads(line) for line in lines if '"kind": "update"' in line]
    assert updates[-1]["replay_demonstration"] > 0


@pytest.mark.slow
def test_images_of_a_foreign_environment_are_learned_from(tmp_path: Path) -> None:
    file = tmp_path / "lab.py"
    file.write_text(FILE)
    words = ["train", f"{file}:Corridor", "--env.image-size", "16", "--env-steps", "400", "--runs", str(tmp_path)]
    trunk = ["--agent.trunk.height", "16", "--agent.trunk.width", "16", "--seed", "100", "--evaluation.episodes", "2"]
    assert main([*words, *trunk, "--run-name", "look"]) == 0
    (lines,) = [(tmp_path / "look" / "learner" / "metrics.jsonl").read_text().splitlines()]
    assert any('"updates": ' in line for line in lines)


def test_registered_environment_runs_at_random_and_refuses_what_it_cannot_do(tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "x.mp4")
    assert main(["simulate", "gym:Pendulum-v1", "--by", "random", "--episodes", "1", "--out", out]) == 0
    assert "out of time after 200 steps" in capsys.readouterr().out
    for words, text in (
        (["train", "gym:CartPole-v1"], "Discrete(2)"),
        (["train", "gym:Pendulum-v1", "--robot.kind", "dds"], "expected 'simulated'"),
        (["simulate", "gym:Pendulum-v1", "--by", "expert"], "expert"),
    ):
        assert main(words) == 2
        assert text in capsys.readouterr().err


def documented(holds: str) -> str:
    """Return the listing of docs/gymnasium.md that holds a text."""
    listings = [part.split("```")[0] for part in Path("docs/gymnasium.md").read_text().split("```python\n")[1:]]
    return next(text for text in listings if holds in text)


def test_listing_of_the_documentation_runs(tmp_path: Path, capsys) -> None:
    (tmp_path / "corridor.py").write_text(documented("class Corridor"))
    words = ["simulate", f"{tmp_path / 'corridor.py'}:Corridor", "--env.kwargs", '{"length": 0.1}', "--by", "random"]
    assert main([*words, "--episodes", "1", "--out", "None"]) == 0
    assert "success" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cube", "finger_m", "action"),
    [([1.3, 0.9, 0.42], 0.05, [0.0, 1.0, 0.8, 1.0]), ([1.3, 0.7, 0.42], 0.02, [0.0, 0.0, 1.0, -1.0])],
    ids=["goes above the cube", "carries it to the goal"],
)
def test_documented_expert(cube: list[float], finger_m: float, action: list[float]) -> None:
    names: dict[str, Any] = {}
    exec(documented("class PickAndPlace"), names)
    state = np.array([1.3, 0.7, 0.42, *cube, 0.0, 0.0, 0.0, finger_m, finger_m])
    obs = {"observation": state, "desired_goal": np.array([1.3, 0.7, 0.6])}
    np.testing.assert_allclose(names["PickAndPlace"]().get_action(obs), action, atol=1e-9)
