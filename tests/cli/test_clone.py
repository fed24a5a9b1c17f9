"""Cloning as a command: demonstrations in, a judged clone out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.core.settings import save_settings
from robot_rl.data.episodes import write_episode
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import new_run
from tests.data.builders import step_record


@pytest.mark.slow
def test_a_clone_of_recorded_demonstrations_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = new_run(tmp_path / "first")
    save_settings(folder.config_file, preset("pick-lift-state-only"))
    recording = ["--config", str(folder.config_file), "--out", str(folder.demonstrations), "--episodes", "2"]
    assert main(["record", *recording]) == 0
    assert main(["clone", str(folder.root), "--updates", "50", "--episodes", "2"]) == 0
    assert "cloned:" in capsys.readouterr().out
    summary = json.loads((folder.root / "evaluation-clone" / "summary.json").read_text())
    assert summary["episodes"] == 2 and summary["policy_version"] == 50


def test_the_runs_rewards_judge_what_is_cloned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = new_run(tmp_path / "first")
    config = replace(preset("pick-lift-state-only"), demonstrations_judge="rewards", rewards=("human-label",))
    save_settings(folder.config_file, config)
    write_episode(folder.demonstrations, [step_record(0, closing_uid=1, truncated=True)], {})
    assert main(["clone", str(folder.root), "--updates", "50"]) == 1
    assert "human-label finds a success in none" in capsys.readouterr().err


def test_cloning_a_run_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clone", str(tmp_path / "nothing")]) == 1
    assert "run folder" in capsys.readouterr().err
