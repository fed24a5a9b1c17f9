"""A run's processes are known from outside, by start time and not by number alone; a killed one counts as killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import RunFolderError, StopRequestedError
from robot_rl.runtime.runs.process_record import RECORD_FILE, end_orphans, read_record, recorded, stat
from robot_rl.runtime.runs.stop import PARENT_VARIABLE
from tests.waiting import eventually

PART = """
import sys, time
from pathlib import Path
from robot_rl.runtime.runs.process_record import recorded
from robot_rl.runtime.runs.stop import StopSignal
stop = StopSignal().install()
with recorded(Path(sys.argv[1]), "actor-0", "run") as own:
    print("died:", own.died, flush=True)
    while not stop(): time.sleep(0.01)
"""


def start(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", PART, str(folder)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | environment)


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def part(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A running part that its supervisor, this process, has started."""
    process = start(tmp_path, **{PARENT_VARIABLE: str(os.getpid())})
    assert first_line(process) == "died:"
    yield process
    process.kill()
    process.communicate()


def state(folder: Path) -> str:
    record = read_record(folder)
    assert record is not None
    return record.state


def test_states_of_a_process_are_seen_from_outside(part: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert state(tmp_path) == "running"
    part.send_signal(signal.SIGSTOP)
    eventually(lambda: state(tmp_path) == "frozen")
    part.send_signal(signal.SIGCONT)
    eventually(lambda: state(tmp_path) == "running")
    part.terminate()
    eventually(lambda: state(tmp_path) == "ended")


def test_killed_process_counts_as_killed_and_the_next_one_knows(part: "subprocess.Popen[str]", tmp_path: Path) -> None:
    part.kill()
    eventually(lambda: state(tmp_path) == "killed")  # before its parent has waited for it, too
    following = start(tmp_path)
    assert first_line(following) == "died: killed"
    following.terminate()
    following.communicate()
    with recorded(tmp_path, "actor-0", "run") as own:
        assert own.died == ""


def test_another_process_of_the_same_number_is_not_taken_for_it(part: "subprocess.Popen[str]", tmp_path: Path) -> None:
    file = tmp_path / RECORD_FILE
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"start": values["start"] - 1}))
    assert state(tmp_path) == "killed"
    assert end_orphans([tmp_path], SystemClock()) == [] and part.poll() is None
    file.write_text(json.dumps(values | {"place": values["place"].partition("/")[0] + "/another:0"}))
    assert state(tmp_path) == "elsewhere"  # another container of this computer


def test_process_of_before_the_last_boot_is_gone(tmp_path: Path) -> None:
    with recorded(tmp_path, "actor-0", "run"):
        values = json.loads((tmp_path / RECORD_FILE).read_text())
        node, _, rest = values["place"].partition("/")
        (tmp_path / RECORD_FILE).write_text(json.dumps(values | {"place": f"{node}/before:{rest.rpartition(':')[2]}"}))
        assert state(tmp_path) == "killed"


def test_second_process_in_a_folder_is_refused(part: "subprocess.Popen[str]", tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=f"process {part.pid} is running"), recorded(tmp_path, "actor-0", "run"):
        pytest.fail("two processes wrote one record")


def test_error_is_recorded_and_a_requested_stop_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError), recorded(tmp_path, "learner", "run"):
        raise ValueError("no\nyes")
    record = read_record(tmp_path)
    assert record is not None and (record.state, record.error) == ("failed", "no")
    with pytest.raises(StopRequestedError), recorded(tmp_path, "learner", "run") as own:
        assert own.died == "no"
        raise StopRequestedError("got SIGTERM")
    assert state(tmp_path) == "ended"


@pytest.mark.parametrize("frozen", [False, True])
def test_orphan_is_ended_in_good_order(part: "subprocess.Popen[str]", tmp_path: Path, frozen: bool) -> None:
    if frozen:
        part.send_signal(signal.SIGSTOP)
        eventually(lambda: stat(part.pid)[0] == "T")
    (line,) = end_orphans([tmp_path, tmp_path / "none"], SystemClock())
    assert f"process {part.pid}" in line and part.wait(20.0) == 0


def test_process_that_a_person_started_is_no_orphan(tmp_path: Path) -> None:
    process = start(tmp_path)
    first_line(process)
    assert end_orphans([tmp_path], SystemClock()) == [] and process.poll() is None
    process.kill()
    process.communicate()


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"name": 1}', "null"])
def test_record_that_is_none_is_left_out(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD_FILE).write_text(content)
    assert read_record(tmp_path) is None
