"""A training over a real wire, with the simulated robot in a process of its own: the machinery works, or this fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.runtime.runs.metrics import read_metrics
from tests.end_to_end.served_process import KINDS, PATIENT, ServedProcess, available


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_training_over_the_wire_learns_from_the_arm(kind: str, tmp_path: Path) -> None:
    """Records arrive, weights come back and act, and the loop over the wire is in the report."""
    robot = [f"--robot.{name.replace('_', '-')}={value}" for name, value in PATIENT.items()]
    command = [
        "train", "pick-lift", "--robot.kind", kind, "--runs", str(tmp_path), "--run-name", "wire", *robot,
        "--demonstrations", "0", "--minutes", "12", "--env-steps", "160", "--evaluation.episodes", "1",
        "--evaluation.video-episodes", "0", "--learner.update-ratio.learning-starts", "40",
        "--learner.publish-every-updates", "8",
    ]  # fmt: skip
    with ServedProcess(tmp_path / "served.txt", "pick-lift", "--image-hz", "15", kind=available(kind)):
        subprocess.run([sys.executable, "-m", "robot_rl", *command], check=True, timeout=800)
    run = tmp_path / "wire"
    episodes = read_metrics(run / "actor-0", kind="episode")
    assert sum(episode["steps"] for episode in episodes) >= 120
    assert max(episode["policy_version"] for episode in episodes) > 0, "weights must come back and act"
    updates = read_metrics(run / "learner", kind="update")
    assert updates[-1]["updates"] > 0 and updates[-1]["transitions"] >= 100, "records must arrive"
    assert all(episode["act_to_obs_ms_p50"] > 0 for episode in episodes if not episode["fault"])
    report = (run / "report.md").read_text()
    assert "The loop over the graph" in report and (run / "timing.png").stat().st_size > 1000
