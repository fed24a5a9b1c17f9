"""The black box: the last minute of the loop, written when something goes wrong, never over another file."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.host import recorder as recorder_module
from controllers.host.black_box import SPAN_S, BlackBox, row_dtype
from controllers.host.mailbox import Client, Mailbox
from controllers.host.recorder import AFTER_S, PAUSE_S, Recorder, black_box_path, read_mcap, write_mcap
from controllers.law.controller_state import Counter
from tests.controllers.host.test_host_process import wait_until_ready
from tests.processes import launched

RATE_HZ = 10.0  # 600 rows


class Loop:
    """A loop that publishes whatever a test sets, and its recorder."""

    def __init__(self, folder: Path) -> None:
        name = f"recorder-{os.getpid()}"
        self.mailbox, self.now_s = Mailbox(name, 7, create=True), 100.0
        self.box = BlackBox(black_box_path(name), 7, RATE_HZ)
        self.recorder, self.client = Recorder(name, 7, folder), Client(name)
        self.values = self.mailbox.state.copy
        self.values["tau_external"] = np.nan

    def run(self, seconds: float) -> list[Path]:
        """Publish at the rate; return the files that the recorder wrote."""
        written = []
        for _ in range(round(seconds * RATE_HZ)):
            self.now_s += 1.0 / RATE_HZ
            self.values["stamp_s"], self.values["q"] = self.now_s, self.now_s
            self.mailbox.state.publish()
            self.box.append(self.mailbox.state.words)
            written.append(self.recorder.poll(self.now_s))
        return [path for path in written if path is not None]

    def fail(self, reason: Reason) -> None:
        self.values["mode"], self.values["fault"], self.values["reason"] = Mode.FAULT, reason, reason
        self.values["counters"][0, Counter.FAULTS] += 1


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    loop = Loop(tmp_path)
    yield loop
    loop.mailbox.unlink()
    loop.box.path.unlink(missing_ok=True)


def test_the_last_minute_is_kept_oldest_first(loop: Loop) -> None:
    assert len(loop.box.read()) == 0
    loop.run(1.0)
    assert len(loop.box.read()) == 10
    loop.run(2.0 * SPAN_S)
    stamps = loop.box.read()["stamp_s"]
    assert len(stamps) == 599  # the oldest may be half overwritten
    np.testing.assert_allclose(np.diff(stamps), 0.1)
    assert stamps[-1] == loop.now_s


def test_memory_of_a_minute_is_bounded() -> None:
    assert row_dtype(7).itemsize * 1000.0 * SPAN_S < 45e6


def test_a_fault_is_written_with_the_second_after_it_and_what_follows_goes_into_one_more_file(loop: Loop) -> None:
    assert loop.run(5.0) == []
    loop.fail(Reason.ROBOT_STOPPED)
    (path,) = loop.run(AFTER_S + 0.2)
    assert "robot_stopped" in path.name
    rows = read_mcap(path)
    assert rows["q"].shape in ((61, 7), (62, 7)) and np.isnan(rows["tau_external"]).all()
    np.testing.assert_allclose(rows["stamp_s"], rows["q"][:, 0], atol=1e-6)
    assert rows["mode"][0] == Mode.IDLE and rows["mode"][-1] == Mode.FAULT
    for _ in range(5):
        loop.fail(Reason.STATE_OLD)
        assert loop.run(1.0) == []
    assert len(loop.run(PAUSE_S - 4.0)) == 1


def test_a_request_is_served_and_not_taken_for_the_loops_own(loop: Loop) -> None:
    loop.run(1.0)
    loop.client.dump()
    (path,) = loop.run(AFTER_S + 0.2)
    assert "request" in path.name and not loop.mailbox.request.fetch()


def test_a_loop_that_ends_well_leaves_no_file_and_one_that_dies_does(loop: Loop) -> None:
    loop.run(1.0)
    loop.values["ended"] = 1.0
    loop.run(0.1)
    assert loop.recorder.close() is None and not loop.box.path.exists()
    loop.values["ended"] = 0.0
    loop.run(0.1)
    path = loop.recorder.close()
    assert path is not None and "loop_died" in path.name


def test_a_file_has_a_schema_names_and_the_cause_and_is_never_overwritten(loop: Loop, tmp_path: Path) -> None:
    from mcap.reader import make_reader

    loop.run(0.5)
    path = tmp_path / "one.mcap"
    write_mcap(path, loop.box.read(), "why", 1e9)
    with path.open("rb") as file:
        reader = make_reader(file)
        (schema, channel, message), *_ = list(reader.iter_messages())
        names = {record.name: record.metadata for record in reader.iter_metadata()}
    assert schema.encoding == "jsonschema" and channel.message_encoding == "json"
    assert json.loads(schema.data)["properties"]["R"]["items"]["items"] == {"type": "number"}
    assert message.log_time == round((100.1 + 1e9) * 1e9) and names["Mode"]["5"] == "FAULT"
    assert names["cause"] == {"cause": "why"}
    with pytest.raises(FileExistsError):
        write_mcap(path, loop.box.read(), "why", 1e9)


def test_a_full_disk_is_said_and_left_alone(loop: Loop, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(recorder_module, "FREE_MIN_BYTES", 1e30)
    loop.run(0.2)
    assert loop.recorder.write("x") is None and "full disk" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_control_process_leaves_its_last_minute(tmp_path: Path) -> None:
    name = f"killed-{os.getpid()}"
    command = [sys.executable, "-m", "controllers.host", "robot_rl.sim.control_stack:pick_lift", name]
    with launched([*command, "--black-box", str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        wait_until_ready(process)
        Client(name).activate()
        time.sleep(0.5)
        Client(name).dump()
        assert any("-request.mcap" in line for line in process.stdout)  # a busy machine's late cycles leave one, too
        process.send_signal(signal.SIGKILL)
    end_s = time.monotonic() + 30.0
    while black_box_path(name).exists():
        assert time.monotonic() < end_s
        time.sleep(0.05)
    (path,) = tmp_path.glob("*died.mcap")
    rows = read_mcap(path)
    assert len(rows["stamp_s"]) > 50 and (rows["mode"] == Mode.HOLDING).any()
    assert np.abs(rows["tau_measured"]).max() > 1.0
    Mailbox(name, 7).unlink()
