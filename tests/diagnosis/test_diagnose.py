"""Each cause is provoked by a short real run, and found; a run that is well has none."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.core.records import Source, StepRecord
from robot_rl.diagnosis.diagnose import diagnose
from robot_rl.diagnosis.evidence import read_evidence
from robot_rl.diagnosis.finding import Finding
from robot_rl.runtime.runs.recorded_run import RunEpisodes
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.teleop.device import DeviceState, ScriptedDevice
from tests.diagnosis.corridor import LIMIT
from tests.diagnosis.short_runs import short_config, short_run

pytestmark = pytest.mark.timeout(240)
NO_LEARNING = ("--learner.update-ratio.learning-starts", "100000")
NEAR = ("--env.kwargs", '{"length": 0.3}')
FORWARD, BACK = (np.array([x, 0.0], np.float32) for x in (1.0, -1.0))


class Hand(ScriptedDevice):
    """Acts in the first steps of each episode, and may label one of them."""

    def __init__(self, action: np.ndarray, steps: int, label: str = "") -> None:
        self.action, self.steps, self.label, self.step = action, steps, label, 0

    def reset(self) -> None:
        self.step = 0

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        self.step += 1
        labels = (self.label,) if self.label and self.step == 5 else ()
        return DeviceState(self.action, engaged=self.step <= self.steps, labels=labels)


def found(folder: RunFolder) -> dict[str, Finding]:
    return {finding.cause: finding for finding in diagnose(read_evidence(folder))}


def test_a_run_that_is_well_has_no_finding_and_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = short_run(tmp_path / "well", short_config("Corridor", NEAR), 300, updates_per_step=2.0)
    assert main(["diagnose", str(folder.root)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("well: 300 steps, ") and out.endswith("nothing found\n")


def test_rewards_that_never_differ_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = short_run(tmp_path / "run", short_config("Unreachable", NO_LEARNING), 300)
    assert main(["diagnose", str(folder.root), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    causes = {entry["cause"]: entry for entry in result["findings"]}
    assert causes["no-reward"]["severity"] == "blocks" and causes["no-reward"]["value"] == 0.0
    assert result["success_alone"] == 0.0
    # The learner had too few transitions as well, which blocks no less.
    assert causes["no-updates"]["value"] == 300 and causes["no-updates"]["bound"] == 100_000
    assert "timeouts-as-ends" not in causes


def test_an_arm_that_never_began_is_found(tmp_path: Path) -> None:
    finding = found(short_run(tmp_path / "run", short_config("Corridor", NO_LEARNING), 0))["no-episodes"]
    assert "no episode has ended; the learner made 0 updates" in finding.text


def test_labels_that_no_reward_source_reads_are_found(tmp_path: Path) -> None:
    hand = Hand(FORWARD, 0, "success")
    folder = short_run(tmp_path / "run", short_config("Unreachable", NO_LEARNING), 200, human=hand)
    finding = found(folder)["labels-ignored"]
    assert finding.value == 8 and "rewards are ground-truth" in finding.text
    read = short_config("Unreachable", (*NO_LEARNING, "--rewards", "ground-truth", "human-label"))
    assert "labels-ignored" not in found(short_run(tmp_path / "read", read, 200, human=hand))


def test_demonstrations_that_did_not_arrive_are_found(tmp_path: Path) -> None:
    folder = short_run(tmp_path / "run", short_config("Corridor", (*NO_LEARNING, "--demonstrations", "20")), 100)
    assert found(folder)["no-demonstrations"].bound == 20


def shown(folder: Path) -> list[StepRecord]:
    """Demonstrations of a corridor."""
    near = short_config("Corridor", (*NEAR, *NO_LEARNING))
    episodes = RunEpisodes().read(short_run(folder, near, 60, human=Hand(FORWARD, 100)).root)
    return [replace(step, actor="demo", source=Source.DEMONSTRATION) for episode in episodes for step in episode.steps]


def test_a_policy_without_success_that_is_left_alone_is_found(tmp_path: Path) -> None:
    config = short_config("Unreachable", (*NO_LEARNING, "--demonstrations", "10"))
    demonstrations = shown(tmp_path / "shown")
    alone = found(short_run(tmp_path / "alone", config, 30 * LIMIT, demonstrations))["no-success"]
    assert "none of 30 episodes succeeded" in alone.text
    helped = short_run(tmp_path / "helped", config, 30 * LIMIT, demonstrations, human=Hand(FORWARD, 3))
    assert "no-success" not in found(helped)


@pytest.mark.parametrize(("world", "still"), [("WithCamera", False), ("CoveredCamera", True)])
def test_a_camera_that_shows_nothing_is_found(tmp_path: Path, world: str, still: bool) -> None:
    words = (*NO_LEARNING, "--vision.mode", "trainable", "--env.image-size", "32", "--agent.trunk.height", "32")
    folder = short_run(tmp_path / "run", short_config(world, (*words, "--agent.trunk.width", "32")), 100)
    assert ("still-camera" in found(folder)) == still
    if still:
        assert found(folder)["still-camera"].value == 1.0


def test_a_time_limit_that_ends_the_task_is_found(tmp_path: Path) -> None:
    finding = found(short_run(tmp_path / "run", short_config("TimeoutIsAnEnd", NO_LEARNING), 200))["timeouts-as-ends"]
    assert finding.value == 1.0 and "25 steps" in finding.text


def test_a_discount_that_hides_the_reward_is_found(tmp_path: Path) -> None:
    words = (*NO_LEARNING, "--agent.discount", "0.5")
    finding = found(short_run(tmp_path / "run", short_config("Corridor", words), 600))["distant-reward"]
    assert finding.value < 0.01 and "raise --agent.discount to 0.9" in finding.advice


def test_a_human_in_charge_and_a_policy_that_fails_alone_are_found(tmp_path: Path) -> None:
    folder = short_run(tmp_path / "run", short_config("Corridor", NO_LEARNING), 1000, human=Hand(FORWARD, 100))
    assert found(folder).keys() == {"human-in-charge", "no-updates"}
    words = ("--episodes", "20", "--video-episodes", "0", "--quiet")
    assert main(["evaluate", str(folder.root), *words]) == 0
    finding = found(folder)["flattering-success"]
    assert finding.value < 0.5 < finding.bound and "training succeeds in 98%" in finding.text


def test_a_failing_hand_that_is_imitated_is_found(tmp_path: Path) -> None:
    hand = Hand(BACK, 10)
    config = short_config("Unreachable", (*NO_LEARNING, "--learner.imitate", "all"))
    assert found(short_run(tmp_path / "all", config, 200, human=hand))["failing-hand"].value == 0.0
    config = short_config("Unreachable", (*NO_LEARNING, "--learner.imitate", "successes"))
    assert "failing-hand" not in found(short_run(tmp_path / "successes", config, 200, human=hand))


def test_faults_are_found(tmp_path: Path) -> None:
    finding = found(short_run(tmp_path / "run", short_config("OftenLost", NO_LEARNING), 400))["faults"]
    assert 0.2 < finding.value < 0.45 and "check the cable" in finding.text


def test_late_steps_are_found(tmp_path: Path) -> None:
    config = short_config("TooFast", (*NO_LEARNING, "--speed", "1"))
    finding = found(short_run(tmp_path / "run", config, 200))["late-steps"]
    assert finding.value > 0.9


def test_a_learner_without_time_is_found(tmp_path: Path) -> None:
    config = short_config("Corridor", ("--learner.update-ratio.updates-per-transition", "500"))
    finding = found(short_run(tmp_path / "run", config, 300))["starved-learner"]
    assert finding.value < finding.bound == 250.0


def test_weights_that_do_not_arrive_are_found(tmp_path: Path) -> None:
    words = ("--learner.publish-every-updates", "100000", "--learner.update-ratio.updates-per-transition", "4")
    folder = short_run(tmp_path / "run", short_config("Corridor", words), 1500, updates_per_step=4.0)
    finding = found(folder)["stale-weights"]
    assert finding.value > 500 and "update 0" in finding.text


COLD = ("--agent.temperature-init", "1e-6", "--agent.temperature-learning-rate", "0")
NETWORKS = {
    "overestimated-q": (
        "SuccessIsTruncated",
        (*COLD, "--agent.target-update-rate", "0.1", "--agent.learning-rate", "0.003"),
    ),
    "collapsed-q": ("Corridor", ("--agent.learning-rate", "1e-7")),
    "no-exploration": ("Unreachable", (*COLD, "--agent.initial-log-std", "-5")),
    "hot-policy": ("Corridor", ("--agent.target-entropy", "5", "--agent.temperature-learning-rate", "0.05")),
    "saturated-actor": ("Downhill", (*COLD, "--agent.learning-rate", "0.03")),
    "dormant-units": ("Downhill", (*COLD, "--agent.activation", "relu", "--agent.learning-rate", "0.5")),
}
"""Cause -> world and settings that provoke it."""


@pytest.mark.slow
@pytest.mark.parametrize("cause", NETWORKS)
def test_trouble_of_the_networks_is_found(tmp_path: Path, cause: str) -> None:
    human = Hand(FORWARD, 100) if cause == "overestimated-q" else None
    folder = short_run(tmp_path / "run", short_config(*NETWORKS[cause]), 550, human=human, updates_per_step=2.0)
    finding = found(folder)[cause]
    assert finding.value != finding.bound and finding.advice


@pytest.mark.slow
def test_a_policy_that_forgets_its_demonstrations_is_found(tmp_path: Path) -> None:
    imitates = ("--agent.bc-weight", "10", "--agent.bc-decay-updates", "320", "--demonstrations", "10")
    plan = ("--learner.update-ratio.pretrain-updates", "300", "--agent.learning-rate", "0.003")
    forgets = ("--agent.temperature-learning-rate", "0.1", "--agent.target-entropy", "1.3")
    often = ("--evaluation.every", "100", "--evaluation.every-episodes", "20", "--env.kwargs", '{"length": 1.2}')
    config = short_config("Corridor", (*imitates, *plan, *forgets, *often))
    folder = short_run(tmp_path / "run", config, 300, shown(tmp_path / "shown"), updates_per_step=2.0)
    assert main(["curve", str(folder.root)]) == 0
    finding = found(folder)["start-dip"]
    assert finding.value < finding.bound and "at step 0 and" in finding.text
