"""A sweep on run folders as `train` writes them; one real sweep that is stopped and goes on."""

import json
import os
import re
import shlex
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli import main
from robot_rl.cli.sweep import Arguments, _settings
from robot_rl.core.settings import save_settings, to_json
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.processes import robot_rl_command
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.sweep import parse_grid, plan_runs
from tests.cli.test_compare import write_run
from tests.trainings import SMALL_AGENT
from tests.waiting import eventually

GRID = ["--set", "agent.bc-weight=0.1,0.2"]


def test_finished_sweep_prints_the_comparison_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "sweep-pick-lift"
    words = ["sweep", "pick-lift", *GRID, "--seeds", "100", "101", "--runs", str(tmp_path)]
    settings = Arguments.parse(words[1:], "sweep").config
    for cell in (0.1, 0.2):
        for seed in (100, 101):
            write_run(root / f"bc_weight-{cell}-seed-{seed}", seed, int(cell * 100), {"agent": {"bc_weight": cell}})
    save_settings(root / "sweep.json", {"config": to_json(replace(settings, seed=0)), "set": [], "seeds": []})
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "4 runs, 4 of them finished" in out and "agent.bc_weight 0.1" in out and "probability" in out
    methods = json.loads((root / "table.json").read_text())["methods"]
    assert [(method["label"], method["mean"]) for method in methods] == [
        ("agent.bc_weight 0.1", 0.5),
        ("agent.bc_weight 0.2", 1.0),
    ]
    assert main([*words, "--minutes", "3"]) == 2
    assert "whose other settings differ" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--seeds", "0", "1"], "would flatter"),
        (["--set", "agent.bc_wait=1"], "did you mean 'bc_weight'"),
        (["--set", "a=1", "--set", "b=2"], "all settings after one"),
        (["--evaluation.episodes", "0"], "cells are compared by it"),
        (["--parallel", "0"], "expected 1 or more"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "pick-lift", "--runs", str(tmp_path), *words]) == 2
    assert text in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_the_folder_is_named_after_the_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sweep-pick-lift-no-human").mkdir()
    (tmp_path / "sweep-pick-lift-no-human" / "notes.txt").write_text("mine")
    assert main(["sweep", "pick-lift-no-human", "--runs", str(tmp_path)]) == 2
    assert "sweep-pick-lift-no-human, which holds something else" in capsys.readouterr().err


def test_folder_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sweep-pick-lift").mkdir()
    (tmp_path / "sweep-pick-lift" / "notes.txt").write_text("mine")
    assert main(["sweep", "pick-lift", "--runs", str(tmp_path)]) == 2
    assert "which holds something else" in capsys.readouterr().err


def test_ray_is_named_where_it_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        import ray  # noqa: F401
    except ImportError:
        assert main(["sweep", "pick-lift", "--runs", str(tmp_path), "--ray", "local"]) == 2
        assert "pip install 'robot-rl[ray]'" in capsys.readouterr().err
    else:
        pytest.skip("ray is installed here")


def test_rest_of_a_budget_needs_a_run_to_go_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "pick-lift", "--rest", "--runs", str(tmp_path)]) == 2
    assert "--rest: got it without --resume" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_settings_of_the_examples_exist() -> None:
    lines = re.findall(r"^ *robot-rl sweep (\S.*)$", Arguments.__doc__ or "", re.MULTILINE)
    for line in lines:
        flags = Arguments.parse(shlex.split(line), "sweep")
        for run in plan_runs(Path("x"), parse_grid(flags.grid), [100]):
            assert _settings(flags.config, run).seed == 100
    assert len(lines) == 4


@pytest.mark.slow
def test_run_of_a_stopped_sweep_trains_the_rest_of_its_budget(tmp_path: Path) -> None:
    words = [
        "sweep",
        "pick-lift-state-only",
        *SMALL_AGENT,
        "--env-steps",
        "300",
        "--minutes",
        "9",
        "--human.kind",
        "none",
    ]
    words += ["--demonstrations", "1", "--evaluation.episodes", "1", "--seeds", "100", "--runs", str(tmp_path)]
    command = robot_rl_command(*words, "--evaluation.video-episodes", "0", "--name", "s")
    run = RunFolder(tmp_path / "s" / "seed-100")

    def episodes() -> list[dict[str, Any]]:
        return read_metrics(run.actor(0), kind="episode")

    with subprocess.Popen(command, start_new_session=True) as process:
        eventually(episodes, 300.0)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait() == 130
    before = sum(episode["steps"] for episode in episodes())
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0 and "1 runs, 0 of them finished" in done.stdout, done.stdout + done.stderr
    assert before < 300 <= sum(episode["steps"] for episode in episodes()) < 400
    assert (run.evaluation / "summary.json").exists() and (tmp_path / "s" / "table.md").exists()
