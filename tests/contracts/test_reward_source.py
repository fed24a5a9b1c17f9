"""A reward source from a file outside the package judges what is recorded and trained."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes, read_episode
from tests.contracts.listings import listing

FILE = listing("lab_rewards.py")


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "lab_rewards.py").write_text(FILE)
    return f"{tmp_path / 'lab_rewards.py'}:Brightness"


def test_recorded_steps_carry_the_judgement_of_the_image_after_them(source: str, tmp_path: Path) -> None:
    flags = ["--rewards", "ground-truth", source, "--reward-settings", "brightness.scale", "0.5", "--episodes", "1"]
    assert main(["record", "pick-lift", "--out", str(tmp_path / "demos"), *flags]) == 0
    steps, _ = read_episode(list_episodes(tmp_path / "demos")[0])
    frames = [*(step.obs for step in steps[1:]), steps[-1].next_obs]
    for step, frame in zip(steps, frames, strict=True):
        assert frame is not None
        assert step.reward == pytest.approx(0.5 * np.float64(frame["wrist"].mean()))
