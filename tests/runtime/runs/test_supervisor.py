"""The supervisor ends a training for the right reason, actors before the learner."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from robot_rl.core.clock import SystemClock
from robot_rl.runtime.acting.go import NOTE
from robot_rl.runtime.runs.live import Budget, Progress
from robot_rl.runtime.runs.processes import ProcessFailedError, ProcessPlan
from robot_rl.runtime.runs.restart import RestartPolicy
from robot_rl.runtime.runs.supervisor import EarlyStop, Outcome, TrainingPlan, supervise

PART = """
import json, sys, time
from pathlib import Path
from robot_rl.runtime.runs.stop import StopSignal
stop, folder, events, last_words = StopSignal().install(), Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
with (folder / "metrics.jsonl").open("a") as file:
    for i in range(events):
        file.write(json.dumps({"kind": "episode", "step": i, "steps": 10, "success": True}) + "\\n")
while not stop():
    time.sleep(0.01)
with last_words.open("a") as file:
    file.write(folder.name + "\\n")
"""


def plan(root: Path, name: str, events: int = 0) -> ProcessPlan:
    command = (sys.executable, "-c", PART, str(root / name), str(events), str(root / "ends.txt"))
    return ProcessPlan(name, command, root / f"{name}.log")


def train(root: Path, budget: Budget, early_stop: EarlyStop | None = None, stopped: bool = False) -> Outcome:
    parts = plan(root, "learner"), [plan(root, "actor-0", events=30)], [root / "learner", root / "actor-0"]
    training = TrainingPlan("test", *parts, budget, early_stop)
    return supervise(training, Console(file=io.StringIO()), SystemClock(), lambda: stopped)


def test_env_steps_end_the_training_and_actors_stop_first(tmp_path: Path) -> None:
    outcome = train(tmp_path, Budget(minutes=1.0, env_steps=300))
    assert outcome.why == "budget" and outcome.progress.env_steps == 300
    assert (tmp_path / "ends.txt").read_text().split() == ["actor-0", "learner"]


def test_enough_success_ends_the_training(tmp_path: Path) -> None:
    assert train(tmp_path, Budget(minutes=1.0), EarlyStop(0.9, window=20)).why == "success"


def test_stop_request_ends_the_training(tmp_path: Path) -> None:
    assert train(tmp_path, Budget(minutes=1.0), stopped=True).why == "stopped"


def test_without_actors_the_learners_end_is_that_of_the_training(tmp_path: Path) -> None:
    learner = ProcessPlan("learner", (sys.executable, "-c", "print('learnt')"), tmp_path / "learner.log")
    training = TrainingPlan("test", learner, [], [tmp_path / "learner"], Budget(1.0))
    outcome = supervise(training, Console(file=io.StringIO()), SystemClock(), lambda: False)
    assert outcome.why == "learner ended" and "learnt" in (tmp_path / "learner.log").read_text()


def test_failed_part_ends_the_training_with_its_words(tmp_path: Path) -> None:
    broken = ProcessPlan("actor-0", (sys.executable, "-c", "raise SystemExit('no robot')"), tmp_path / "log.txt")
    console = Console(file=io.StringIO())
    with pytest.raises(ProcessFailedError, match="no robot"):
        training = TrainingPlan("test", plan(tmp_path, "learner"), [broken], [], Budget(1.0))
        supervise(training, console, SystemClock(), lambda: False)


def test_notes_of_an_actor_are_shown_beside_the_view_but_not_those_of_an_earlier_session(tmp_path: Path) -> None:
    log, screen = tmp_path / "actor.log", io.StringIO()
    log.write_text(f"{NOTE}takeover of yesterday\n")
    says = f"print({NOTE!r} + 'takeover of today'); print('no note')"
    actor = ProcessPlan("actor-0", (sys.executable, "-c", says), log)
    training = TrainingPlan("test", plan(tmp_path, "learner"), [actor], [tmp_path / "learner"], Budget(1.0))
    supervise(training, Console(file=screen), SystemClock(), lambda: False)
    lines = [line for line in screen.getvalue().splitlines() if line.startswith("actor-0")]
    assert lines == ["actor-0: takeover of today"]


DIES = """
import json, os, signal, sys
from pathlib import Path
folder, times = Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
lives = folder / "lives.txt"
count = len(lives.read_text()) if lives.exists() else 0
lives.write_text("x" * (count + 1))
with (folder / "metrics.jsonl").open("a") as file:
    file.write(json.dumps({"kind": "episode", "step": 0, "steps": 10, "success": True}) + "\\n")
print("the arm is gone", flush=True)
if count < times:
    os.kill(os.getpid(), signal.SIGKILL) if count % 2 else sys.exit(1 + count % 4 // 2)
"""
QUICK = RestartPolicy(deaths_max=3, first_s=0.01, longest_s=0.02)


def run_dying(root: Path, times: int, policy: RestartPolicy = QUICK) -> tuple[Outcome, list[tuple[str, str, str]]]:
    """Train with an actor that dies so many times, then ends in good order."""
    words = (sys.executable, "-c", DIES, str(root / "actor-0"), str(times))
    actor = ProcessPlan("actor-0", words, root / "log.txt", sign=root / "actor-0" / "metrics.jsonl")
    events: list[tuple[str, str, str]] = []
    folders = [root / "learner", root / "actor-0"]
    parts = plan(root, "learner"), [actor], folders, Budget(minutes=1.0), None
    training = TrainingPlan("test", *parts, policy, lambda *event: events.append(event))
    return supervise(training, Console(file=io.StringIO()), SystemClock(), lambda: False), events


def test_part_that_dies_is_started_again_and_the_reason_is_reported(tmp_path: Path) -> None:
    outcome, events = run_dying(tmp_path, times=2)
    assert outcome.why == "actors ended" and (tmp_path / "actor-0" / "lives.txt").read_text() == "xxx"
    assert [(part, event) for part, event, _ in events] == [("actor-0", "death"), ("actor-0", "restart")] * 2
    assert events[0][2].startswith("exit code 1: the arm is gone; starts again in 0.01 s (death 1 within 10 minutes")
    assert "SIGKILL" in events[2][2] and "starts again in 0.02 s" in events[2][2]
    assert "-- actor-0: exit code 1" in (tmp_path / "log.txt").read_text()


def test_part_that_dies_too_often_ends_the_training_and_the_other_parts(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailedError, match=r"(?s)actor-0: got .*death 4 .*, 3 at most.*arm is gone"):
        run_dying(tmp_path, times=9)
    assert (tmp_path / "ends.txt").read_text().split() == ["learner"]


def test_no_restart_is_a_setting(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailedError, match="actor-0: got exit code 1"):
        run_dying(tmp_path, times=1, policy=RestartPolicy(0))


def test_part_that_fails_before_it_worked_is_not_started_again(tmp_path: Path) -> None:
    sign = tmp_path / "metrics.jsonl"
    sign.write_text("of the session before\n")
    broken = ProcessPlan("actor-0", (sys.executable, "-c", "raise SystemExit(2)"), tmp_path / "log.txt", sign=sign)
    with pytest.raises(ProcessFailedError, match="actor-0: got exit code 2"):
        training = TrainingPlan("test", plan(tmp_path, "learner"), [broken], [], Budget(1.0))
        supervise(training, Console(file=io.StringIO()), SystemClock(), lambda: False)


def test_learner_that_ended_in_good_order_is_the_end_of_the_training(tmp_path: Path) -> None:
    """As after a `kill` of its own: actors alone would be half a run."""
    learner = ProcessPlan("learner", (sys.executable, "-c", "print('stopped')"), tmp_path / "learner.log")
    training = TrainingPlan("test", learner, [plan(tmp_path, "actor-0")], [tmp_path / "learner"], Budget(1.0))
    outcome = supervise(training, Console(file=io.StringIO()), SystemClock(), lambda: False)
    assert outcome.why == "learner ended"


def test_early_stop_waits_for_a_full_window() -> None:
    progress = Progress()
    for i in range(20):
        assert not EarlyStop(1.0, window=20).reached(progress)
        progress.add("actor-0", json.loads(f'{{"kind": "episode", "success": true, "steps": {i + 1}}}'))
    assert EarlyStop(1.0, window=20).reached(progress)
    assert not EarlyStop(1.0, window=20, earlier_episodes=1).reached(progress)
