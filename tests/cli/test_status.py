"""`robot-rl status` shows from outside what lives and what was lost; its exit code is the run's health."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli import main
from robot_rl.runtime.acting.actor_config import START
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.process_record import RECORD_FILE, stat
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_totals import RunTotals
from robot_rl.runtime.runs.status import SILENT_S, run_status
from tests.waiting import eventually

PROCESS = """
import sys, threading
from pathlib import Path
from robot_rl.runtime.runs.process_record import recorded
with recorded(Path(sys.argv[1]), sys.argv[2], "first") as own:
    own.write(doing=sys.argv[3])
    print("ready", flush=True)
    sys.stdin.read()
    if sys.argv[3] == "fails": raise ValueError("no arm")
"""
Processes = dict[str, "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with metrics of two lives of an actor."""
    folder = RunFolder(tmp_path / "runs" / "first")
    folder.root.mkdir(parents=True)
    folder.config_file.write_text('{"task": "pick-lift"}')
    with MetricsWriter(folder.learner, tensorboard=False) as metrics:
        metrics.write("update", 40, updates=40, wire_refused=2, wire_gaps=0)
    with MetricsWriter(folder.actor(0), tensorboard=False) as metrics:
        for life, dropped in ((0, 3), (1, 1)):
            metrics.write(START, 0, episode=2 * life)
            values: dict[str, Any] = {"policy_version": 30 + life, "weights_age_s": 0.5, "backlog": 7}
            for number, human in enumerate((5, 0)):
                success = {"success": number == 1, "human_steps": human, "steps": 10}
                metrics.write("episode", 0, episode=2 * life + number, dropped=dropped * number, **success, **values)
    return folder


@pytest.fixture
def processes(folder: RunFolder) -> Iterator[Processes]:
    """Supervisor, learner and actor of the run, as processes."""
    running: Processes = {}
    for path, name, doing in (
        (folder.root, "train", "training"),
        (folder.learner, "learner", ""),
        (folder.actor(0), "actor-0", ""),
    ):
        running[name] = start(path, name, doing)
    yield running
    for process in running.values():
        process.kill()
        process.communicate()


def start(path: Path, name: str, doing: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", PROCESS, str(path), name, doing]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main(["status", *map(str, words)])
    return code, capsys.readouterr().out


def test_numbers_are_those_of_all_lives_of_the_parts(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with MetricsWriter(folder.root, tensorboard=False) as metrics:
        metrics.write("death", 0, part="actor-0", text="ended by SIGKILL; starts again in 1 s")
        metrics.write("restart", 0, part="actor-0", text="started again")
    code, text = printed(capsys, folder.root, "--json")
    status = json.loads(text)
    assert (status["run"], status["task"], status["phase"]) == ("first", "pick-lift", "no supervisor")
    assert (status["env_steps"], status["episodes"], status["updates"]) == (40, 4, 40)
    assert (status["success_unhelped"], status["policy_version"], status["weights_age_s"]) == (1.0, 31, 0.5)
    assert (status["backlog"], status["refused"], status["restarts"]) == (7, 2, 1)
    assert status["losses"] == {"dropped by full disks of actors": 4} and code == 1
    actor = next(part for part in status["parts"] if part["name"] == "actor-0")
    assert actor["last_death"].startswith("ended by SIGKILL") and actor["metrics_age_s"] < 60
    assert status["disk_left_mb"] > 0


def test_living_run_is_seen_and_a_frozen_part_needs_attention(
    folder: RunFolder, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.actor(0) / "metrics.jsonl").write_text("")
    code, text = printed(capsys, folder.root)
    assert code == 0 and "first: pick-lift, training " in text and "DEAD" not in text
    assert f"actor-0   running, process {processes['actor-0'].pid}" in text
    processes["actor-0"].send_signal(signal.SIGSTOP)
    eventually(lambda: stat(processes["actor-0"].pid)[0] == "T")
    code, text = printed(capsys, folder.root)
    assert code == 1 and f"kill -CONT {processes['actor-0'].pid}" in text and "needs attention" in text


def test_killed_run_is_called_killed(
    folder: RunFolder, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    processes["train"].kill()
    processes["train"].wait()
    code, text = printed(capsys, folder.root)
    assert code == 3 and "first: pick-lift, killed, DEAD" in text and "killed while training; go on with:" in text
    assert "learner of it still runs" in text


def test_number_that_another_process_has_now_is_not_taken_for_the_run(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"name": "train", "run": "first", "pid": os.getpid(), "start": 1, "place": "", "begun_s": 0.0}
    process = start(folder.root, "train", "training")
    place = json.loads((folder.root / RECORD_FILE).read_text())["place"]
    process.kill()
    process.communicate()
    (folder.root / RECORD_FILE).write_text(json.dumps(values | {"place": place}))
    assert printed(capsys, folder.root)[0] == 3


def test_failed_run_carries_its_reason(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    process = start(folder.root, "train", "fails")
    process.communicate()
    code, text = printed(capsys, folder.root)
    assert code == 3 and "failed: no arm" in text


def test_run_that_ended_in_good_order_is_well(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.actor(0) / "metrics.jsonl").unlink()
    start(folder.root, "train", "training").communicate()
    code, text = printed(capsys, folder.root)
    assert code == 0 and "first: pick-lift, ended " in text


def test_part_that_died_is_named_while_its_supervisor_lives(folder: RunFolder, processes: Processes) -> None:
    processes["learner"].kill()
    processes["learner"].wait()
    status = run_status(folder, "pick-lift")
    assert any("learner died" in problem for problem in status.problems) and status.health == "attention"


def test_learner_that_writes_nothing_for_long_needs_attention(folder: RunFolder, processes: Processes) -> None:
    (folder.actor(0) / "metrics.jsonl").write_text("")
    assert run_status(folder, "pick-lift").health == "well"
    later = run_status(folder, "pick-lift", now_s=time.time() + SILENT_S + 1.0)
    assert later.health == "attention" and "learner has written no metrics for 12" in later.problems[0]


def test_runs_of_a_folder_are_a_line_each_and_the_worst_counts(
    folder: RunFolder, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    other = RunFolder(folder.root.parent / "second")
    other.root.mkdir()
    other.config_file.write_text("{}")
    code, text = printed(capsys, "--runs", folder.root.parent)
    assert code == 1 and [line.split(":")[0] for line in text.splitlines()] == ["first", "second"]
    code, text = printed(capsys, "first", "--runs", folder.root.parent, "--json")
    assert json.loads(text)["run"] == "first"


def test_run_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path / "none")]) == 1 and "run folder: got" in capsys.readouterr().err
    assert main(["status", "--runs", str(tmp_path)]) == 1 and "runs: got none" in capsys.readouterr().err


def test_totals_are_the_same_read_at_once_or_line_by_line(folder: RunFolder) -> None:
    lines = (folder.actor(0) / "metrics.jsonl").read_text().splitlines(keepends=True)
    at_once, stepwise = RunTotals(folder), RunTotals(folder)
    at_once.read()
    (folder.actor(0) / "metrics.jsonl").write_text("")
    for line in lines:
        with (folder.actor(0) / "metrics.jsonl").open("a") as file:
            file.write(line)
        stepwise.read()
    assert at_once.total("dropped") == stepwise.total("dropped") == 4
    assert len(at_once.episodes) == len(stepwise.episodes) == 4
