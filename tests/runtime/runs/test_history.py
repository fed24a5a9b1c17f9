"""A run's history: actors merged in time, averages that mean what they say."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.runtime.runs.history import History, human_share, in_order, read_history, rolling_mean, steps_to_reach
from robot_rl.runtime.runs.run_folder import RunFolder


def history(success: list[float], steps: list[float], human_steps: list[float] | None = None) -> History:
    humans = [0.0] * len(success) if human_steps is None else human_steps
    columns = zip(success, steps, humans, strict=True)
    return History([{"success": a, "steps": b, "human_steps": c} for a, b, c in columns])


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), st.integers(1, 30))
def test_rolling_mean_is_the_mean_of_the_last_values(values: list[float], window: int) -> None:
    expected = [np.mean(values[max(0, i + 1 - window) : i + 1]) for i in range(len(values))]
    assert rolling_mean(values, window) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.lists(st.floats(0, 1e4), max_size=8), max_size=3))
def test_a_clock_that_jumps_does_not_exchange_the_episodes_of_an_actor(times_s: list[list[float]]) -> None:
    actors = [[{"wall_s": t, "place": (a, n)} for n, t in enumerate(times)] for a, times in enumerate(times_s)]
    places = [event["place"] for event in in_order(actors)]
    assert sorted(places) == [event["place"] for actor in actors for event in actor]
    assert all([n for a, n in places if a == actor] == list(range(len(times))) for actor, times in enumerate(times_s))
    if all(times == sorted(times) for times in times_s):
        found = [times_s[a][n] for a, n in places]
        assert found == sorted(found)


def test_rolling_mean_of_nothing_is_nothing() -> None:
    assert rolling_mean([], 5).shape == (0,)


def test_steps_to_reach_needs_a_full_window() -> None:
    run = history([1, 1, 0, 1, 1, 1], steps=[10] * 6)
    assert steps_to_reach(run, 1.0, window=3) == 60
    assert steps_to_reach(run, 0.5, window=3) == 30
    assert steps_to_reach(run, 1.0, window=4) is None
    assert steps_to_reach(run, 0.5, window=20) is None


def test_human_share_weighs_episodes_by_their_steps() -> None:
    run = history([1, 1], steps=[10, 30], human_steps=[10, 0])
    assert human_share(run) == pytest.approx([1.0, 0.25])


def test_actors_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for index, stamps in enumerate([(1, 4), (2, 3)]):
        folder.actor(index).mkdir()
        lines = [f'{{"kind": "episode", "step": 0, "wall_s": {t}, "steps": {10 * t}, "success": true}}' for t in stamps]
        (folder.actor(index) / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    run = read_history(folder)
    assert list(run.steps) == [10, 20, 30, 40]
    assert list(run.env_steps) == [10, 30, 60, 100]
    assert list(run.success) == [1, 1, 1, 1]
