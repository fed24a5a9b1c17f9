"""A run without ground truth: recordings, reward classifier and training from one command."""

from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.config import load_config
from robot_rl.data.episodes import list_episodes
from robot_rl.rewards.success_model import load_model
from robot_rl.vision.frozen import SHIPPED_ENCODER
from tests.trainings import SMALL_AGENT


@pytest.mark.slow
def test_a_run_without_ground_truth_learns_its_reward_from_its_own_recordings(tmp_path: Path) -> None:
    recordings = ["--demonstrations", "2", "--play", "6", "--vision.encoder", str(SHIPPED_ENCODER)]
    budget = ["--env-steps", "60", "--evaluation.episodes", "1", "--evaluation.video-episodes", "0"]
    budget += SMALL_AGENT
    words = ["train", "pick-lift-blind", "--runs", str(tmp_path), "--run-name", "blind", *recordings, *budget]
    assert main(words) == 0
    run = tmp_path / "blind"
    assert len(list_episodes(run / "demonstrations")) == 2 + 6
    assert load_model(run / "classifier.safetensors").card["episodes"] == 8
    config = load_config(run / "config.json")
    assert config.rewards == ("classifier", "human-label") and config.robot.episode_source == "unjudged"
    assert (run / "evaluation" / "summary.json").exists()
    before = (run / "classifier.safetensors").read_bytes()
    assert main(["train", "--resume", "--runs", str(tmp_path), "--run-name", "blind", "--env-steps", "30"]) == 0
    assert (run / "classifier.safetensors").read_bytes() == before
