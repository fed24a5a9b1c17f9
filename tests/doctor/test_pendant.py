"""`robot-rl doctor pendant`: its output, with and without an answer."""

import json
from pathlib import Path

import pytest

from robot_rl.bench import run_benchmark
from robot_rl.cli import main
from robot_rl.doctor.pendant import rows
from robot_rl.teleop.pendant.device import PendantView
from robot_rl.teleop.pendant.frames import FrameErrors
from robot_rl.teleop.pendant.messages import Cause, Counters, Fault, Reply, State, Welcome
from robot_rl.teleop.pendant.session import LinkCounters
from tests.teleop.pendant.host_program import host_pendant

PROGRAM = Path(__file__).parents[2] / "firmware" / "build" / "pendant-host"
NOTHING = PendantView(False, None, None, None, None, LinkCounters(), FrameErrors(), None, None, "no such port")


def test_lost_pendant_is_reported_with_its_reason() -> None:
    assert dict(rows(NOTHING)) == {
        "line": "LOST: no such port",
        "last frame": "never",
        "round trip, median": "never",
        "host counted": "nothing",
        "host's decoder": "nothing",
    }


def test_all_of_the_pendants_state_is_shown() -> None:
    state = State(
        time_ms=5,
        host_sequence=1,
        token=2,
        inputs=0x0D,
        outputs=0,
        deadman=1,
        flags=0x06,
        causes=Cause.ESTOP | Cause.FAULT,
        opened_by=Cause.HEARTBEAT,
        faults=Fault.DISCREPANCY,
        event_count=2,
        events=0x14,
    )
    counters = Counters(*([0] * 7), 3, *([0] * 9))
    welcome = Welcome(1, 2, 7, 180, 0, 1, 0, 2)
    view = PendantView(
        True, 0.004, state, welcome, Reply(3, 2, 9), LinkCounters(lost=4), FrameErrors(), counters, 5e-4, ""
    )
    shown = dict(rows(view))
    assert shown["line"] == "answers" and shown["last frame"] == "4.0 ms ago"
    assert shown["firmware"] == "0.1.0, boot 7, last restart: watchdog"
    assert shown["relay"] == "open: the robot is stopped" and shown["grip"] == "held, engaged"
    assert shown["causes to stop"] == "estop fault" and shown["opened by"] == "heartbeat"
    assert shown["latched faults"] == "discrepancy" and shown["closed contacts"] == "deadman_half estop_a estop_b"
    assert shown["events"] == "2: success rearm" and shown["last answer"] == "deadman_pressed"
    assert shown["host counted"] == "lost 4" and shown["pendant counted"] == "replayed 3"
    assert shown["round trip, median"] == "0.5 ms"


def test_unknown_topic_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "pendent"]) == 2
    assert "did you mean 'pendant'" in capsys.readouterr().err


@pytest.mark.qemu
def test_running_pendant_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with host_pendant(PROGRAM) as running:
        assert main(["doctor", "pendant", running.port, "--seconds", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert shown["alive"] and shown["lines"]["relay"] == "open: the robot is stopped"
    assert shown["device"]["accepted"] > 3


@pytest.mark.qemu
def test_benchmark_measures_round_trip_and_stop() -> None:
    metrics = run_benchmark("pendant")
    assert metrics["round_trips"] >= 1000 and metrics["lost"] == 0
    assert metrics["round_trip_ms_p50"] > 0 and metrics["estop_to_relay_ms_p50"] >= 0
