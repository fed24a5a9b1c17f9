"""A whole training with real processes and a real wire: it learns, or this fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.runtime.runs.metrics import read_metrics

ENV_STEPS = 3500


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_actor_and_learner_learn_to_pick_and_lift_from_the_state(tmp_path: Path) -> None:
    train = ["train", "pick-lift-state-only", "--runs", str(tmp_path), "--run-name", "short"]
    # The actor waits for the learner, so that a slow machine takes longer and learns the same.
    budget = [
        "--updates-per-step",
        "2",
        "--env-steps",
        str(ENV_STEPS),
        "--minutes",
        "15",
        "--evaluation.episodes",
        "40",
    ]
    subprocess.run([sys.executable, "-m", "robot_rl", *train, *budget], check=True, timeout=1100)
    run = tmp_path / "short"
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    # Untrained 0 %, cloned demonstrations about a third; a learner that does not learn stays there.
    assert summary["successes"] >= 24, summary
    episodes = [e for e in read_metrics(run / "actor-0" / "metrics.jsonl") if e["kind"] == "episode"]
    versions = [e["policy_version"] for e in episodes]
    assert len(set(versions)) > 10, "new weights must arrive all the time"
    assert sum(e["human_steps"] for e in episodes) > 0
    assert (run / "report.md").exists() and (run / "evaluation" / "video.mp4").stat().st_size > 10_000
