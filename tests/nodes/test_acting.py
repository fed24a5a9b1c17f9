"""The actor's program, as a process, before anybody has answered it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import eventually

WORDS = ("-m", "robot_rl", "actor", "pick-lift", "--robot.kind", "dds", "--robot.reset-timeout-s", "3600")


@pytest.mark.dds
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_wait_for_an_arm_that_is_not_there(tmp_path: Path, number: signal.Signals) -> None:
    pytest.importorskip("cyclonedds", reason="NOT CHECKED: cyclonedds is not installed")
    environment = {**os.environ, "ROS_DOMAIN_ID": str(2 + os.getpid() % 8)}
    command = [sys.executable, *WORDS, "--folder", str(tmp_path / "actor")]
    said = tmp_path / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        eventually(lambda: "waiting for" in said.read_text() or process.poll() is not None, limit_s=120.0)
        process.send_signal(number)
        assert process.wait(120.0) == 0, said.read_text()
    finally:
        process.kill()
        process.wait()
    done = f"got {number.name} while waiting for arm, cameras and task; 0 steps, 0/0 episodes succeeded"
    assert said.read_text().splitlines()[-1] == f"actor-0: {done}"
