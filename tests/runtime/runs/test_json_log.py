"""The JSON log holds what a process prints, with its ids; the console stays as it is."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from robot_rl.core.errors import StopRequestedError
from robot_rl.runtime.runs.json_log import JSON_LOG_FILE, logged


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / JSON_LOG_FILE).read_text().splitlines()]


def test_lines_carry_ids_level_and_time_and_the_console_is_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logged(tmp_path, "actor-0", "first"):
        print("one\ntwo", flush=True)
        print("th", end="")
        print("ree")
        print("careful", file=sys.stderr)
        print("cut", end="")
    assert capsys.readouterr() == ("one\ntwo\nthree\ncut", "careful\n")
    found = lines(tmp_path)
    assert sorted(line["message"] for line in found) == ["careful", "cut", "one", "three", "two"]
    for line in found:
        assert (line["run"], line["process"], line["actor"]) == ("first", "actor-0", "actor-0")
        assert datetime.fromisoformat(line["time"]).utcoffset() is not None
        assert line["level"] == ("warning" if line["message"] == "careful" else "info")


def test_error_that_ends_the_process_is_logged_and_a_requested_stop_is_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError), logged(tmp_path, "learner", "first"):
        raise ValueError("no room")
    with pytest.raises(StopRequestedError), logged(tmp_path, "learner", "first"):
        raise StopRequestedError("stop")
    (line,) = lines(tmp_path)
    assert (line["level"], line["message"]) == ("error", "no room") and "actor" not in line
    assert sys.stdout is not None and "Tee" not in type(sys.stdout).__name__


needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@needs_full_device
def test_full_disk_costs_lines_and_not_the_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / JSON_LOG_FILE).symlink_to("/dev/full")
    with logged(tmp_path, "learner", "first"):
        print("goes on")
    assert capsys.readouterr().out == "goes on\n"


PROGRAM = """
import pathlib, sys
from robot_rl.runtime.runs.json_log import logged
with logged(pathlib.Path(sys.argv[1]), "learner", "first"):
    for number in range(10_000):
        print("line", number, flush=True)
    print("careful", file=sys.stderr)
"""


@needs_full_device
def test_console_on_a_full_disk_ends_no_process(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], stdout=full, stderr=full).returncode == 0
    assert [line["message"] for line in lines(tmp_path)][-2:] == ["line 9999", "careful"]


def test_reader_of_the_console_that_has_ended_ends_the_process(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as console:
        done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], stdout=console, stderr=subprocess.PIPE)
    assert done.returncode != 0 and b"BrokenPipeError" in done.stderr
