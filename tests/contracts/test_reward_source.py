"""A reward source from a file outside the package judges what is recorded and trained."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.data.episodes import list_episodes, read_episode

FILE = """
from dataclasses import dataclass

from robot_rl.rewards.source import RewardSource, Verdict


@dataclass(frozen=True)
class BrightnessSettings:
    scale: float = 1.0


class Brightness(RewardSource):
    \"\"\"Pays for a bright wrist image, and ends an episode whose arm is low.\"\"\"

    name = "brightness"
    priority = 20
    Settings = BrightnessSettings

    def __init__(self, settings):
        self._scale = settings.scale

    def judge(self, outcome):
        assert outcome.obs["state"] is not None and outcome.info["fault"] == ""
        return Verdict(self._scale * outcome.raw["wrist"].mean(), success=outcome.intervention)
"""


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
