"""A person at a terminal: the public commands show the keys and run in real time."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest


def run_in_terminal(*arguments: str) -> tuple[str, float]:
    """Run a command whose standard input is a terminal; return its output and its duration [s]."""
    far, near = os.openpty()
    begin = time.monotonic()
    command = [sys.executable, "-m", "robot_rl", *arguments]
    done = subprocess.run(command, stdin=near, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    os.close(far)
    os.close(near)
    return done.stdout, time.monotonic() - begin


@pytest.mark.slow
def test_simulation_by_a_person_lasts_as_long_as_the_task_and_shows_the_keys(tmp_path: Path) -> None:
    out = str(tmp_path / "x.mp4")
    output, duration_s = run_in_terminal("simulate", "pick-lift", "--by", "keyboard", "--episodes", "1", "--out", out)
    assert "EMERGENCY STOP" in output and re.search("out of time after 60 steps", output)
    assert duration_s > 6.0
