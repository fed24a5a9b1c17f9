"""Processes of a training killed and frozen, and their wall clock set, at random moments: each record is stored once.

ROBOT_RL_FAULTS=50 makes 50 faults of each kind instead of 5.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.core.records import StepRecord
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.process_record import ProcessRecord, read_record, stat
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_totals import LOSSES, RunTotals
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from robot_rl.transport.stream import read_stream
from tests.faults import FAULTS
from tests.runtime.runs.scraping import address_of, labels, scrape
from tests.waiting import eventually
from tests.wall_clock import COMPILER, WallClock

PARTS = ("learner", "actor-0", "actor-1", "page")
MARK = "ROBOT_RL_FAULTS_MARK"
LIMIT_S = 240.0
HOUR_S = 3600
TASK = """
import time

import gymnasium
import numpy as np


class Walk(gymnasium.Env):
    metadata = {"render_modes": [], "render_fps": 100}

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.steps = float(self.np_random.uniform(-1.0, 1.0)), 0
        return np.array([self.x], np.float32), {}

    def step(self, action):
        time.sleep(0.01)
        self.x, self.steps = float(np.clip(self.x + 0.1 * float(action[0]), -1.0, 1.0)), self.steps + 1
        done = self.x > 0.9
        return np.array([self.x], np.float32), float(done), done, self.steps >= 20 and not done, {"is_success": done}
"""
SMALL = (
    "--vision.mode", "state", "--agent.hidden", "16", "16", "--agent.backend", "torch", "--learner.batch", "32",
    "--learner.checkpoint-every-s", "2", "--actors", "2",
)  # fmt: skip
FLAGS = (
    "--runs", "runs", "--run-name", "faults", "--minutes", "600", "--evaluation.episodes", "0", "--metrics-port", "0",
    "--restarts", str(20 * FAULTS), "--restart-after-s", "0.05", "--page", "--page-address", "127.0.0.1:0",
)  # fmt: skip


class Training:
    """`robot-rl train` of a small task, begun and gone on with."""

    def __init__(self, root: Path) -> None:
        self.folder, self.log, self._root = RunFolder(root / "runs" / "faults"), root / "log.txt", root
        (root / "walk.py").write_text(TASK)
        self.wall = WallClock(root) if COMPILER else None
        self._start("walk.py:Walk", *SMALL)

    def resume(self) -> None:
        """Go on after a kill."""
        self._start("--resume")

    def _start(self, *words: str) -> None:
        command = [sys.executable, "-m", "robot_rl", "train", *words, *FLAGS]
        with self.log.open("ab") as log:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            environment = os.environ | {MARK: str(self._root)} | (self.wall.environment if self.wall else {})
            self.process = subprocess.Popen(command, cwd=self._root, env=environment, **pipes)

    def text(self) -> str:
        """Return what it and its parts have printed, for a failure."""
        logs = [self.log, *(path / "log.txt" for path in (self.folder.learner, *self.folder.actors()))]
        return "\n".join(f"== {path}\n{path.read_text(errors='replace')[-3000:]}" for path in logs if path.exists())

    def record(self, part: str) -> ProcessRecord | None:
        """Return the record of a part that runs now."""
        assert self.process.poll() is None, self.text()
        record = read_record(self.folder.root / part)
        return record if record is not None and record.state == "running" else None

    def await_all_at_work(self) -> None:
        """Wait until all parts run and both actors have sent episodes since now, to a learner that stores them."""
        eventually(lambda: all(self.record(part) for part in PARTS), LIMIT_S)
        before = self._progress()
        eventually(
            lambda: (
                all(self.record(part) for part in PARTS)
                and all(new > old for new, old in zip(self._progress(), before, strict=True))
            ),
            LIMIT_S,
        )

    def _progress(self) -> tuple[int, int, int]:
        stored = sum(path.stat().st_size for path in (self.folder.learner / "journal").glob("*.log"))
        return len(self.episodes(0)), len(self.episodes(1)), stored

    def episodes(self, actor: int) -> list[dict]:
        """Return the lines of an actor's episodes."""
        return read_metrics(self.folder.actor(actor), kind="episode")

    def left(self) -> list[int]:
        """Return the processes of the training that live, whichever started them."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"{MARK}={self._root}".encode() in words and stat(pid)[0] not in ("Z", "X", "")


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    training = Training(tmp_path)
    yield training
    training.process.kill()
    training.process.wait()
    for pid in training.left():
        os.kill(pid, signal.SIGKILL)


def hit(record: ProcessRecord, number: signal.Signals, rng: random.Random) -> None:
    """Kill a process, or freeze it for a moment."""
    os.kill(record.pid, number)
    if number is signal.SIGKILL:
        eventually(lambda: record.state == "killed")  # a busy machine takes its time
    else:
        time.sleep(rng.uniform(0.05, 0.5))  # the other processes go on meanwhile
        os.kill(record.pid, signal.SIGCONT)


def attack(training: Training, rng: random.Random) -> None:
    """Make the faults of the parts in random order, at random moments of their lives, while the wall clock jumps."""
    faults = [(part, number) for part in PARTS for number in (signal.SIGKILL, signal.SIGSTOP) for _ in range(FAULTS)]
    rng.shuffle(faults)
    while faults:
        time.sleep(rng.uniform(0.0, 0.2))
        if training.wall is not None and rng.random() < 1 / len(PARTS):
            training.wall.set(rng.choice((-HOUR_S, 0, HOUR_S)) + rng.randrange(10))
        records = {part: record for part in {part for part, _ in faults} if (record := training.record(part))}
        if fault := next((fault for fault in faults if fault[0] in records), None):
            hit(records[fault[0]], fault[1], rng)
            faults.remove(fault)


def attack_supervisor(training: Training, rng: random.Random) -> None:
    """Freeze the supervisor, and kill it, which `status` says; then go on."""
    for _ in range(FAULTS):
        hit(eventually(lambda: training.record("."), LIMIT_S), signal.SIGSTOP, rng)
        time.sleep(rng.uniform(0.0, 2.0))
        training.process.kill()
        training.process.wait()
        assert main(["status", str(training.folder.root)]) == 3
        training.resume()


def check_counts(training: Training) -> None:
    """Each record that a spool took is stored once, in order; what is not is declared lost; episodes are whole."""
    folder, totals = training.folder, RunTotals(training.folder)
    totals.read()
    with Journal(folder.learner / "journal") as journal:
        stored = [decode_stored(parts) for _, parts in journal.read()]
    for number, actor in enumerate(path.name for path in folder.actors()):
        with Journal(folder.actor(number) / "spool") as spool:
            sent, stream = spool.next_index, read_stream(spool.folder)
        own = [record for record, _ in stored if record.actor == actor]
        assert {name for record, name in stored if record.actor == actor} == {stream}
        assert [record.sequence for record in own] == list(range(sent)), f"{actor}: sent {sent}, stored {len(own)}"
        assert sent == len(own) + sum(totals.total(loss) for loss in LOSSES), "lost and not declared"
        steps = Counter(record.episode for record in own if isinstance(record, StepRecord))
        lines = training.episodes(number)
        assert len({line["episode"] for line in lines}) == len(lines), "an episode's number was given twice"
        assert [line["steps"] for line in lines] == [steps[line["episode"]] for line in lines]
        print(f"{actor}: sent {sent}, stored {len(own)}, {len(lines)} episodes with a line of {len(steps)} begun")


def check_reported(training: Training) -> None:
    """Deaths and restarts are on the console, in the log and in what Prometheus reads."""
    folder, printed, events = training.folder, training.log.read_text(), read_metrics(training.folder.root)
    deaths = Counter(event["part"] for event in events if event["kind"] == "death")
    restarts = Counter(event["part"] for event in events if event["kind"] == "restart")
    found = scrape(address_of(printed))
    for part in ("learner", "actor-0", "actor-1"):
        assert deaths[part] >= FAULTS and deaths[part] == restarts[part]
        assert f"{part}: ended by SIGKILL" in printed
        assert found["robot_rl_restarts_total"][labels(run="faults", process=part)] == restarts[part]
    for number in range(2):
        one = labels(run="faults", actor=f"actor-{number}")
        assert 0 < found["robot_rl_episodes_total"][one] <= len(training.episodes(number))
    lines = [json.loads(line) for line in (folder.root / "log.jsonl").read_text().splitlines()]
    assert sum(line.get("event") == "death" for line in lines) == sum(deaths.values())


@pytest.mark.slow
@pytest.mark.timeout(900 + 120 * FAULTS)
def test_kills_and_freezes_lose_no_record_and_leave_no_process(
    training: Training, capsys: pytest.CaptureFixture[str]
) -> None:
    for library in ("torch", "websockets", "prometheus_client"):
        pytest.importorskip(library)
    rng = random.Random(1)
    training.await_all_at_work()
    attack(training, rng)
    training.await_all_at_work()
    check_reported(training)
    attack_supervisor(training, rng)
    training.await_all_at_work()
    training.process.send_signal(signal.SIGTERM)
    assert training.process.wait(LIMIT_S) == 130, training.text()
    assert training.left() == []
    assert "deaths of learner" in training.folder.report.read_text()
    check_counts(training)
    counts = capsys.readouterr().out
    assert main(["status", str(training.folder.root), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["phase"], status["backlog"], status["losses"]) == ("ended", 0, {})
    assert {part["state"] for part in status["parts"]} == {"ended"}
    print("\n".join(line for line in counts.splitlines() if "stored" in line))
