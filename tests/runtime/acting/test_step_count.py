"""Steps of an actor are counted once each, also those of an episode that a kill cuts off."""

import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.runtime.acting.actor import run_actor
from robot_rl.runtime.acting.actor_config import START, ActorConfig, resumed
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.step_count import STEPS_FILE, StepCount, read_step_count
from robot_rl.testing import FakeClock
from tests.runtime.acting.point_world import LinearPolicy, MemoryMetrics, PointWorld, RecordingLink

KILLED = """
import os, pathlib, signal, sys
from robot_rl.runtime.acting.step_count import StepCount
count = StepCount(pathlib.Path(sys.argv[1]), 100)
for step in range(7):
    count.add(step)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Died(BaseException):
    """End of the process."""


def session(folder: Path, metrics: MemoryMetrics, link: RecordingLink, steps: int) -> None:
    """Act until the process dies at a step, in the middle of an episode or not; its metrics stay."""
    config = resumed(ActorConfig(), metrics.lines, read_step_count(folder))
    metrics.write(START, config.first_env_step, episode=config.first_episode)
    left = iter(range(steps - 1))

    def die_at_the_last(_: object) -> None:
        if next(left, None) is None:
            raise Died

    def on_step(step: object) -> None:
        count.add(step)
        die_at_the_last(step)

    rollout = Rollout(PointWorld(), LinearPolicy(gain=0.0, noise=0.0), clock=FakeClock())
    with StepCount(folder, config.first_env_step) as count, pytest.raises(Died):
        run_actor(rollout, config, link, metrics, on_step=on_step)


def test_steps_of_episodes_that_were_cut_off_count(tmp_path: Path) -> None:
    metrics, link = MemoryMetrics(), RecordingLink()
    for steps in (3, 40, 26, 1):
        session(tmp_path, metrics, link, steps)
    assert read_step_count(tmp_path) == 70
    following = resumed(ActorConfig(), metrics.lines, read_step_count(tmp_path))
    assert following.first_env_step == 70
    numbers = [(record.episode, record.step) for record in link.steps]
    assert len(set(numbers)) == len(numbers), "a number of an episode was given twice"


def test_count_is_current_after_a_kill(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert killed.returncode == -9 and read_step_count(tmp_path) == 107


@pytest.mark.parametrize("text", ["", "12", "-0000000000000000001", "x" * 20, "\u0663" * 20])
def test_count_that_is_none_counts_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / STEPS_FILE).write_text(text, "utf-8")
    assert read_step_count(tmp_path) == 0


def test_without_a_place_to_write_the_work_goes_on(tmp_path: Path) -> None:
    with StepCount(tmp_path / "absent", 3) as count:
        count.add(None)
    assert read_step_count(tmp_path / "absent") == 0


def test_lines_of_metrics_count_where_the_file_is_behind() -> None:
    line = {"kind": "episode", "episode": 0, "env_steps": 30}
    assert [resumed(ActorConfig(), [line], count).first_env_step for count in (0, 29, 31)] == [30, 30, 31]
