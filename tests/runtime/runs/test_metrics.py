"""Metrics survive a crash in the middle of a line and say the same thing when read back."""

import json
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.runtime.runs.metrics import METRICS_FILE, MetricsTail, MetricsWriter, read_metrics


def test_events_are_read_back_as_written(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path, tensorboard=False) as metrics:
        metrics.write("episode", 3, reward=1.0, success=True, note="ok", nothing=None)
        metrics.write("update", 7, loss=np.float32(0.5), count=np.int64(9))
    episode, update = read_metrics(tmp_path)
    assert {k: episode[k] for k in ("kind", "step", "reward", "success", "note", "nothing")} == {
        "kind": "episode",
        "step": 3,
        "reward": 1.0,
        "success": True,
        "note": "ok",
        "nothing": None,
    }
    assert (update["loss"], update["count"]) == (0.5, 9)
    assert [event["kind"] for event in read_metrics(tmp_path / METRICS_FILE, kind="update")] == ["update"]


def test_events_share_their_names(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path, tensorboard=False) as metrics:
        metrics.write("episode", 3, some_rare_number=1.0)
        metrics.write("episode", 4, some_rare_number=2.0)
    first, second = ({name: id(name) for name in event}["some_rare_number"] for event in read_metrics(tmp_path))
    assert first == second


def test_not_a_number_is_written_as_null(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path, tensorboard=False) as metrics:
        metrics.write("update", 0, loss=float("nan"), bound=np.inf)
    (line,) = (tmp_path / METRICS_FILE).read_text().splitlines()
    assert "NaN" not in line and json.loads(line)["loss"] is None and json.loads(line)["bound"] is None


def test_a_full_disk_costs_lines_and_is_printed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = MetricsWriter(tmp_path, tensorboard=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        for step in range(3):
            metrics.write("update", step)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    metrics.write("update", 3)
    metrics.close()
    assert metrics.lost == 3 and capsys.readouterr().err.count("lines are lost") == 1
    assert read_metrics(tmp_path)[-1]["step"] == 3


@given(cut=st.integers(0, 400))
def test_cut_anywhere_loses_at_most_the_line_that_was_cut(tmp_path_factory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("metrics")
    with MetricsWriter(folder, tensorboard=False) as metrics:
        for step in range(5):
            metrics.write("tick", step)
    whole = (folder / METRICS_FILE).read_bytes()
    (folder / METRICS_FILE).write_bytes(whole[: len(whole) - min(cut, len(whole))])
    kept = whole[: len(whole) - cut].count(b"\n") if cut < len(whole) else 0
    with MetricsWriter(folder, tensorboard=False) as metrics:
        metrics.write("tick", 99)
    steps = [event["step"] for event in read_metrics(folder)]
    assert steps[:kept] == list(range(kept)) and steps[-1] == 99
    assert len(steps) <= kept + 2  # a cut of the newline alone still leaves a readable line


def test_tail_gives_each_event_once_and_waits_for_the_newline(tmp_path: Path) -> None:
    path = tmp_path / METRICS_FILE
    tail = MetricsTail(path)
    assert tail.read() == []
    path.write_text('{"kind": "a", "step": 0}\n{"kind": "b", ')
    assert [event["kind"] for event in tail.read()] == ["a"]
    assert tail.read() == []
    with path.open("a") as file:
        file.write('"step": 1}\n')
    assert [event["kind"] for event in tail.read()] == ["b"]


def test_tensorboard_events_stand_beside_the_lines(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path) as metrics:
        metrics.write("update", 1, loss=0.25)
    assert list(tmp_path.glob("events.out.tfevents*"))
