"""An actor that is killed on an arm comes back with the arm held, and moves it only after the person's clear and go."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.process_record import ProcessRecord, read_record
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.domains import domain_id
from tests.end_to_end.first_day import ON_THE_GRAPH, STILL_M, Day, operator
from tests.nodes.controller_program import controller
from tests.trainings import SMALL_AGENT
from tests.waiting import eventually

pytestmark = [pytest.mark.dds, pytest.mark.slow, pytest.mark.timeout(1200)]
LIMIT_S = 300.0
READINGS = 200
"""Poses of the arm during which it must not move."""
ARM = """
extends: simulated
driver: "reflexive.py:Reflexive"
gains:
  workspace_lower: [0.25, -0.25, 0.0]
  workspace_upper: [0.75, 0.25, 0.65]
"""
ABSENT = '''
"""The person of person.py, who neither clears nor says go while the file `away` is there."""
from dataclasses import replace
from pathlib import Path

from person import Person

AWAY = Path(__file__).with_name("away")


class Absent(Person):
    def read(self, proposed=None):
        state = super().read(proposed)
        return replace(state, cleared=False, ready=False) if AWAY.exists() else state
'''


def position(message: Any) -> np.ndarray:
    place = message.pose.position
    return np.array([place.x, place.y, place.z])


def test_killed_actor_leaves_the_arm_held_until_the_persons_go(tmp_path: Path) -> None:
    day, folder = Day(tmp_path, ARM), RunFolder(tmp_path / "runs" / "killed")
    (tmp_path / "absent.py").write_text(ABSENT)
    words = [
        "train", "press.toml", "--human.kind", "absent.py:Absent", "--minutes", "20", "--run-name", "killed",
        "--demonstrations", "0", "--evaluation.episodes", "0", "--no-page", *SMALL_AGENT, "--robot.kind", "dds",
        *ON_THE_GRAPH,
    ]  # fmt: skip
    environment = day.environment | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    log = tmp_path / "train.txt"

    def episodes() -> int:
        assert training.poll() is None, log.read_text() + (folder.actor(0) / "log.txt").read_text()
        return len(read_metrics(folder.actor(0), kind="episode"))

    def actor() -> ProcessRecord | None:
        record = read_record(folder.actor(0))
        return record if record is not None and record.state == "running" else None

    with controller(tmp_path, domain_id("first-day"), "arm.yaml"), operator() as person:
        poses: list[np.ndarray] = []
        person.wire.subscribe(graph.CURRENT_POSE, lambda message: poses.append(position(message)))
        with log.open("wb") as out:
            command = [sys.executable, "-m", "robot_rl", *words]
            training = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: episodes() >= 2, LIMIT_S)
            (tmp_path / "away").touch()
            before = actor()
            assert before is not None
            os.kill(before.pid, signal.SIGKILL)
            eventually(lambda: "its process has ended" in person.status, LIMIT_S)
            eventually(lambda: "starts again, it died: killed" in (folder.actor(0) / "log.txt").read_text(), LIMIT_S)
            done, first = episodes(), len(poses)
            eventually(lambda: len(poses) > first + READINGS)
            assert np.ptp(poses[first:], axis=0).max() < STILL_M, "the arm moved before the go"
            assert episodes() == done and "its process has ended" in person.status, "a stop ended by itself"
            (tmp_path / "away").unlink()
            eventually(lambda: episodes() >= done + 1, LIMIT_S)
            after = actor()
            assert after is not None and after.pid != before.pid
            training.send_signal(signal.SIGTERM)
            assert training.wait(120.0) == 130, log.read_text()
        finally:
            training.kill()
            training.wait()
    assert "actor-0: ended by SIGKILL" in log.read_text()
