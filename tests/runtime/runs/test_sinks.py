"""A run's metrics in other services: each event once, and no failure of a service reaches the run."""

import json
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.settings import save_settings
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.run_folder import RunFolder, new_run
from robot_rl.runtime.runs.sinks import Forwarder, check_sinks
from tests.runtime.runs.own_sinks import ListSink
from tests.waiting import eventually

LIST, FAILING, ABSENT = (f"tests.runtime.runs.own_sinks:{name}Sink" for name in ("List", "Failing", "Absent"))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run with a few lines of an actor, the learner and the supervisor, and an evaluation."""
    for kept in (ListSink.events, ListSink.results, ListSink.opened):
        kept.clear()
    folder = new_run(tmp_path / "first")
    save_settings(folder.config_file, TrainConfig())
    with MetricsWriter(folder.actor(0), tensorboard=False) as metrics:
        metrics.write("episode", 30, success=True, steps=30, fault="")
    with MetricsWriter(folder.learner, tensorboard=False) as metrics:
        metrics.write("update", 30, critic_loss=0.5, q=float("nan"))
    with MetricsWriter(folder.root, tensorboard=False) as metrics:
        metrics.write("session", 30, minutes=1.5, why="budget")
    folder.evaluation.mkdir()
    (folder.evaluation / "summary.json").write_text(json.dumps({"successes": 7, "judges": ["ground-truth"]}))
    return folder


def test_events_of_all_processes_are_sent_with_their_numbers(run: RunFolder) -> None:
    Forwarder(run, [LIST], "mine").close()
    events = {group: (step, values) for group, step, values in ListSink.events}
    assert ListSink.opened == [("mine", "pick-lift")] and set(events) == {
        "actor-0/episode",
        "learner/update",
        "session",
    }
    step, values = events["actor-0/episode"]
    assert step == 30 and values.pop("wall_s") > 0 and values == {"success": 1.0, "steps": 30.0}
    assert set(events["learner/update"][1]) == {"critic_loss", "wall_s"}
    assert ListSink.results == [{"successes": 7.0}]


def test_each_event_is_sent_once_also_by_a_later_process(run: RunFolder) -> None:
    forwarder = Forwarder(run, [LIST], "mine")
    forwarder.turn()
    forwarder.turn()
    assert len(ListSink.events) == 3
    with MetricsWriter(run.learner, tensorboard=False) as metrics:
        metrics.write("update", 60, critic_loss=0.25)
    Forwarder(run, [LIST], "mine").close()
    assert [event[1] for event in ListSink.events if event[0] == "learner/update"] == [30, 60]


def test_service_that_fails_is_left_out_and_the_others_get_all(run: RunFolder) -> None:
    lines: list[str] = []
    forwarder = Forwarder(run, [ABSENT, FAILING, LIST], "mine", lines.append)
    forwarder.turn()
    forwarder.close()
    assert forwarder.failed == [ABSENT, FAILING] and len(ListSink.events) == 3
    assert len(lines) == 2 and "api_key not configured" in lines[0] and "the run goes on" in lines[1]


def test_command_reports_a_failure_by_its_exit_code(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sinks", str(run.root), "--to", LIST]) == 0
    assert main(["sinks", str(run.root), "--to", ABSENT]) == 1
    assert main(["sinks", str(run.root)]) == 2
    assert "expected one or more" in capsys.readouterr().err


def test_names_are_checked_before_a_training_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="wandb"):
        check_sinks(["wanbd"])
    with pytest.raises(ConfigError, match="each once"):
        check_sinks([LIST, LIST])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'robot-rl\[trackio\]'"):
        check_sinks(["trackio"])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the libraries' own
def test_weights_and_biases_takes_a_run_offline(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed: pip install 'robot-rl[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    forwarder = Forwarder(run, ["wandb"], "mine")
    forwarder.close()
    (file,) = run.root.glob("wandb/offline-run-*/run-first.wandb")
    assert forwarder.failed == []
    eventually(lambda: b"learner/update/critic_loss" in file.read_bytes())  # its own process writes
    assert b"pick-lift" in file.read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_trackio_keeps_a_run_on_this_computer(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("trackio", reason="trackio is not installed: pip install 'robot-rl[trackio]'")
    forwarder = Forwarder(run, ["trackio"], "mine")
    forwarder.close()
    databases = b"".join(path.read_bytes() for path in (tmp_path / "trackio").rglob("*") if path.is_file())
    assert forwarder.failed == [] and b"learner/update/critic_loss" in databases
