"""Actors join and leave a run at any time; each record of each is stored once; who needs a person comes first."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.settings import save_settings
from robot_rl.runtime.acting.go import MARK, RUNS
from robot_rl.runtime.acting.stuck import STUCK
from robot_rl.runtime.runs.actor_status import STUCK_EPISODES, actor_status, by_need
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.runtime.runs.process_record import ALIVE, read_record, recorded
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.run_totals import RunTotals
from robot_rl.runtime.runs.status import run_status
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from tests.end_to_end.small_training import SMALL, TASK
from tests.processes import launched
from tests.waiting import eventually


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with three actors: one succeeds, one is stuck, one had a fault."""
    folder = RunFolder(tmp_path / "runs" / "first")
    folder.root.mkdir(parents=True)
    for name, success, fault in (("0", True, None), ("1", False, None), ("left", True, "no arm")):
        with MetricsWriter(folder.root / f"actor-{name}", tensorboard=False) as metrics:
            for number in range(STUCK_EPISODES):
                values = {"success": success, "steps": 10, "human_steps": 2, "fault_text": fault, "backlog": number}
                metrics.write("episode", 0, episode=number, steps_per_s=10.0, dropped=3 * (name == "1"), **values)
    return folder


def test_actors_that_need_a_person_come_first(folder: RunFolder) -> None:
    assert [path.name for path in folder.actors()] == ["actor-0", "actor-1", "actor-left"]
    actors = {actor.name: actor for actor in run_status(folder, "walk").actors}
    assert (actors["actor-1"].episodes, actors["actor-1"].env_steps, actors["actor-1"].lost) == (5, 50, 3)
    assert (actors["actor-0"].success, actors["actor-0"].human_share, actors["actor-0"].backlog) == (1.0, 0.2, 4)
    assert not any(actor.need for actor in actors.values()), "none of them runs"


def test_an_actor_that_was_stuck_in_its_last_episode_needs_help(folder: RunFolder) -> None:
    with MetricsWriter(folder.root / "actor-0", tensorboard=False) as metrics:
        metrics.write("episode", 0, episode=STUCK_EPISODES, success=True, steps=10, help_requests=1)
    totals = RunTotals(folder)
    totals.read()
    status = actor_status(folder.root / "actor-0", "running", totals)
    assert status.need == "stuck in its last episode, also after its retreats"


def test_an_actor_that_runs_without_success_or_after_a_fault_needs_help(folder: RunFolder) -> None:
    totals = RunTotals(folder)
    totals.read()
    states = {"actor-0": "running", "actor-1": "running", "actor-left": "running"}
    ordered = by_need([actor_status(path, states[path.name], totals) for path in folder.actors()])
    assert [(actor.name, actor.need) for actor in ordered] == [
        ("actor-1", f"no success in {STUCK_EPISODES} episodes"),
        ("actor-left", "fault: no arm"),
        ("actor-0", ""),
    ]


def test_an_arm_that_is_stuck_comes_before_one_that_awaits_its_go_and_an_episode_that_runs_needs_no_one(
    folder: RunFolder,
) -> None:
    shown = {"actor-0": f"{STUCK}, also after 2 retreats: help it.", "actor-1": "set the scene", "actor-left": RUNS}
    for name, text in shown.items():
        (folder.root / name / "log.txt").write_text(f"{MARK}{text}\n")
    with MetricsWriter(folder.root / "actor-left", tensorboard=False) as metrics:
        metrics.write("episode", 0, episode=STUCK_EPISODES, success=True, steps=10)
    totals = RunTotals(folder)
    totals.read()
    ordered = by_need([actor_status(path, "running", totals) for path in folder.actors()])
    assert [(actor.name, actor.need, actor.stuck) for actor in ordered] == [
        ("actor-0", shown["actor-0"], True),
        ("actor-1", "set the scene", False),
        ("actor-left", "", False),
    ]


def test_a_fleet_needs_a_learner_that_runs(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    save_settings(folder.config_file, TrainConfig())
    assert main(["fleet", str(folder.root)]) == 1
    assert "got none that runs here" in capsys.readouterr().err


def test_a_name_of_a_living_actor_is_refused(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    save_settings(folder.config_file, TrainConfig())
    with recorded(folder.actor(0), "actor-0", "first"):
        assert main(["fleet", str(folder.root), "--names", "0", "new", "--address", "tcp://127.0.0.1:1"]) == 2
    assert "names: got actor-0, which lives" in capsys.readouterr().err


@pytest.fixture
def learner(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """A learner of a small task."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(tmp_path / "runs" / "first")
    (tmp_path / "walk.py").write_text(TASK)
    folder.root.mkdir(parents=True)
    words = ("learner", "walk.py:Walk", *SMALL)
    assert main([*words, "--folder", "x", "--print-config"]) == 0
    folder.config_file.write_text(capsys.readouterr().out)
    flags = ("--run-name", "first", "--address", "tcp://127.0.0.1:*", "--folder", str(folder.learner))
    with launched([sys.executable, "-m", "robot_rl", *words, *flags]) as process:
        eventually(folder.learner_address.exists)
        yield folder
        process.kill()


def fleet(folder: RunFolder, *names: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return launched([sys.executable, "-m", "robot_rl", "fleet", str(folder.root), "--names", *names])


def end(path: Path) -> None:
    """Ask a process of a run to end."""
    record = read_record(path)
    assert record is not None
    os.kill(record.pid, signal.SIGTERM)
    eventually(lambda: (now := read_record(path)) is not None and now.state not in ALIVE, 60.0)


def assert_stored_once(learner: RunFolder, actors: Sequence[Path]) -> None:
    """Assert that each record of the actors with these folders is in the learner's journal once, in order."""
    with Journal(learner.learner / "journal") as journal:
        records = [decode_stored(parts)[0] for _, parts in journal.read()]
    for path in actors:
        with Journal(path / "spool") as spool:
            own = [record.sequence for record in records if record.actor == path.name]
            assert own == list(range(spool.next_index)), path.name


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_actors_join_and_leave_and_every_record_is_stored_once(learner: RunFolder) -> None:
    pytest.importorskip("torch")
    left, right, late = folders = [learner.root / f"actor-{name}" for name in ("left", "right", "late")]
    with fleet(learner, "left", "right") as first:
        eventually(lambda: all(read_metrics(path, "episode") for path in (left, right)), 90.0)
        end(left)
        with fleet(learner, "late") as second:
            eventually(lambda: read_metrics(late, "episode"), 90.0)
            assert first.poll() is None, "the other actor of the fleet went on"
            for process in (first, second):
                process.send_signal(signal.SIGTERM)
            assert (first.wait(90.0), second.wait(90.0)) == (0, 0)
    status = {actor.name: actor for actor in run_status(learner, "walk").actors}
    assert set(status) == {path.name for path in folders}
    assert all(actor.lost == 0 and actor.episodes > 0 for actor in status.values())
    end(learner.learner)
    assert_stored_once(learner, folders)
