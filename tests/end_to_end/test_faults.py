"""Processes of a training killed and frozen, and their wall clock set, at random moments: each record is stored once.

ROBOT_RL_FAULTS=50 makes 50 faults of each kind instead of 5.
"""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.runtime.runs.process_record import ProcessRecord
from tests.end_to_end.small_training import LIMIT_S, Training, check_counts, small_training
from tests.faults import FAULTS
from tests.runtime.runs.scraping import address_of, labels, scrape
from tests.waiting import eventually

PARTS = ("learner", "actor-0", "actor-1", "page")
HOUR_S = 3600
FLAGS = (
    "--actors", "2", "--metrics-port", "0", "--restarts", str(20 * FAULTS), "--restart-after-s", "0.05", "--page",
    "--page-address", "127.0.0.1:0",
)  # fmt: skip


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    with small_training(tmp_path, FLAGS, PARTS) as training:
        yield training


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
