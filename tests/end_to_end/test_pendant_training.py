"""A training in simulation with the pendant's firmware under QEMU, and a scripted thumb on it.

The thumb arms, holds the grip while the simulator's expert moves, labels, presses the emergency stop, lets it go, arms
again, and stops the run for good. Real processes, real wire, real firmware; the thumb goes by what it sees.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robot_rl.bench.pendant_firmware import ContactBench, Report, qemu_pendant
from robot_rl.core.clock import SystemClock
from robot_rl.runtime.runs.metrics import read_metrics
from robot_rl.teleop.pendant.messages import Input, Output

IMAGE = Path(__file__).parents[2] / "firmware" / "build" / "pendant-qemu.elf"
LIMIT_S = 500.0  # a busy machine compiles slowly
CLOCK = SystemClock()
Episode = dict[str, Any]


class Thumb:
    """Presses buttons, and watches the relay and the run's metrics."""

    def __init__(self, hand: ContactBench, metrics: Path, training: subprocess.Popen[bytes]) -> None:
        self._hand, self._metrics, self._training = hand, metrics, training

    def episodes(self) -> list[Episode]:
        return read_metrics(self._metrics, kind="episode") if self._metrics.exists() else []

    def until(self, reached: Callable[[list[Episode]], bool]) -> list[Episode]:
        end_s = CLOCK.now_s() + LIMIT_S
        while CLOCK.now_s() < end_s and self._training.poll() is None:
            episodes = self.episodes()
            if reached(episodes):
                return episodes
            self._hand.pause(0.1)
        raise AssertionError(f"not reached: {self.episodes()}")

    def connected(self) -> bool:
        """Whether the actor reads the pendant: it has begun, and waits for the relay."""
        return self._metrics.exists() and bool(read_metrics(self._metrics, kind="start"))

    def arm(self) -> None:
        """Hold undo until the relay closes."""
        self._hand.forget()
        self._hand.close_contact(Input.UNDO)
        self._hand.await_report(closed, LIMIT_S)
        self._hand.open_contact(Input.UNDO)

    def keep_armed(self) -> None:
        """Arm again where the relay has opened: a busy machine may miss heartbeats."""
        self._hand.pause(0.5)
        if not self._hand.outputs & Output.RELAY:
            self.arm()

    def watch(self, start: int) -> None:
        """Leave the arm to the policy until an episode from number `start` on ends without a stop."""

        def ran(episodes: list[Episode]) -> bool:
            self.keep_armed()
            return any(not e["estop"] for e in episodes[start:])

        self.until(ran)

    def correct(self) -> None:
        """Grip, label and let go, again and again, until an episode that a human corrected is over."""

        def corrected(episodes: list[Episode]) -> bool:
            self.keep_armed()
            self._hand.close_contact(Input.DEADMAN_HALF)
            self._hand.pause(1.0)
            self._hand.press(Input.UNDO)
            self._hand.open_contact(Input.DEADMAN_HALF)
            return any(e["human_steps"] for e in episodes)

        self.until(corrected)

    def stop(self) -> int:
        """Press the emergency stop; return how many episodes were over before."""
        before = len(self.episodes())
        self._hand.forget()
        self._hand.open_contact(Input.ESTOP_A | Input.ESTOP_B)
        self._hand.await_report(lambda report: report.kind == "O" and not report.value & Output.RELAY)
        return before

    def let_go(self) -> None:
        """Release the emergency stop."""
        self._hand.close_contact(Input.ESTOP_A | Input.ESTOP_B)
        self._hand.wait(100)


def closed(report: Report) -> bool:
    return report.kind == "O" and bool(report.value & Output.RELAY)


@pytest.mark.qemu
@pytest.mark.timeout(1200)
def test_a_thumb_on_the_pendant_engages_corrects_labels_and_stops_a_training(tmp_path: Path) -> None:
    with qemu_pendant(IMAGE) as running:
        training = subprocess.Popen(command(tmp_path, running.port), stdout=subprocess.DEVNULL)
        try:
            episodes = play(Thumb(running.hand, tmp_path / "thumb" / "actor-0" / "metrics.jsonl", training))
            training.send_signal(signal.SIGINT)
            code = training.wait(LIMIT_S)
        finally:
            training.kill()
            training.wait()
    check(tmp_path, code, episodes)


def command(runs: Path, port: str) -> list[str]:
    train = ["train", "pick-lift-state-only", "--runs", str(runs), "--run-name", "thumb", "--demonstrations", "2"]
    budget = ["--minutes", "15", "--evaluation.episodes", "0", "--speed", "2"]
    human = ["--human.kind", "pendant", "--human.settings", "port", port, "--human.motion-device", "expert"]
    learner = ["--learner.update-ratio.pretrain-updates", "8"]
    return [sys.executable, "-m", "robot_rl", *train, *budget, *human, *learner]


def play(thumb: Thumb) -> list[Episode]:
    """Return the episodes after the last stop."""
    thumb.until(lambda _: thumb.connected())
    thumb.arm()  # before that the open relay is a stop, and no episode begins
    thumb.correct()
    before = thumb.stop()
    stopped = len(thumb.until(lambda episodes: any(e["estop"] for e in episodes[before:])))
    thumb.let_go()
    thumb.arm()
    thumb.watch(stopped)
    before = thumb.stop()
    return thumb.until(lambda episodes: any(e["estop"] for e in episodes[before:]))


def check(runs: Path, code: int, later: list[Episode]) -> None:
    assert sum(e["interventions"] for e in later) >= 1
    assert sum(e["human_steps"] for e in later) >= 3
    assert sum(e["labels"] for e in later) >= 1
    assert [e["estop"] for e in later].count(True) >= 2 and not any(e["fault"] for e in later)
    assert any(not e["estop"] for e in later), "between the stops it ran"
    assert code == 130, "Ctrl-C ends the run in good order"
    learned = read_metrics(runs / "thumb" / "learner" / "metrics.jsonl", kind="update")
    assert learned[-1]["replay_human"] > 0, "corrections reach the learner as the human's"
    assert read_metrics(runs / "thumb" / "actor-0" / "metrics.jsonl", kind="episode") == later, "it stood still"
