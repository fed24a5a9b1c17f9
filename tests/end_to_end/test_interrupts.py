"""Ctrl-C in each stage of `robot-rl train`: an end in good order, what was kept, and how to go on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from robot_rl.runtime.runs.metrics import METRICS_FILE
from robot_rl.runtime.runs.process_record import ALIVE, read_record
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.diagnosis.short_runs import CORRIDOR, SMALL
from tests.waiting import eventually

WORLD = (f"{CORRIDOR}:Corridor", *SMALL)
ROOT = Path(__file__).parents[2]
Ready = Callable[[RunFolder], bool]
STAGES: dict[str, tuple[tuple[str, ...], Ready]] = {
    "recording": (
        ("pick-lift-state-only", "--demonstrations", "500"),
        lambda run: len(list(run.demonstrations.glob("*"))) > 2,
    ),
    "training": (
        (*WORLD, "--env-steps", "100000"),
        lambda run: any((actor / METRICS_FILE).exists() for actor in run.actors()),
    ),
    "evaluation": (
        (*WORLD, "--env-steps", "60", "--evaluation.episodes", "100000"),
        lambda run: run.evaluation.with_name("evaluation.part").exists(),
    ),
}
"""Stage -> flags, and whether a run is in it."""


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_interrupt_of_a_stage_ends_politely_and_says_how_to_go_on(stage: str, tmp_path: Path) -> None:
    flags, ready = STAGES[stage]
    run = RunFolder(tmp_path / "runs" / "run")
    command = [sys.executable, "-m", "robot_rl", "train", *flags, "--run-name", "run"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}  # the world is one of the tests
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=environment
    ) as program:
        try:
            eventually(lambda: ready(run) or program.poll() is not None, 120.0)
            record = read_record(run.root)
            assert record is not None and record.doing == stage
            program.send_signal(signal.SIGINT)
            text = program.communicate(timeout=90)[0]
        finally:
            program.kill()
    assert program.returncode == 130, text
    assert "Traceback" not in text and "robot-rl: " not in text
    assert text.endswith("stopped; go on with: robot-rl train --resume --run-name run --runs runs\n")
    assert run.report.is_file() and not run.evaluation.exists()
    records = [read_record(part) for part in run.parts()]
    assert [record for record in records if record is not None and record.state in ALIVE] == []
    if stage == "evaluation":
        assert "of 100000 episodes; they are in " in text and (tmp_path / "runs/run/evaluation.part").is_dir()
    if stage == "recording":
        assert "stopped before 500; start the same command again to go on" in text
