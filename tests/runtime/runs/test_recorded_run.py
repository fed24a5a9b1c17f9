"""A run's journal as demonstrations: what its actors sent, encoded by any encoder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.core.records import LabelRecord, StepRecord
from robot_rl.data.formats import make_format
from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting.demonstrations import load_demonstrations
from robot_rl.runtime.acting.outbox import StepId, to_record
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import RESETS_MAX, Stepper
from robot_rl.teleop.devices.scripted import ExpertDevice, FunctionExpert
from robot_rl.testing import FakeClock
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import encode
from tests.runtime.acting.point_world import LAYOUT, PointWorld, TinyEncoder


class OtherEncoder(TinyEncoder):
    identity = "other"


def episode(number: int, keep_frames: bool) -> list[StepRecord]:
    """Return one episode of the expert as an actor sends it: features, and the frames behind them."""
    env = PointWorld()
    expert = ExpertDevice(FunctionExpert(env.expert_action, LAYOUT), np.random.default_rng(0))
    rollout = Rollout(
        env, encoder=TinyEncoder(), human=expert, reward=make_reward(), clock=FakeClock(), keep_frames=keep_frames
    )
    stepper = Stepper(rollout, np.random.default_rng(0))
    stepper.begin(number, RESETS_MAX)
    records = [to_record(stepper.step(), StepId(number, 0), "actor-0", "run")]
    while not records[-1].last:
        records.append(to_record(stepper.step(), StepId(number, len(records)), "actor-0", "run"))
    return records


def run_folder(root: Path, episodes: list[list[StepRecord]]) -> Path:
    """Write the folder of a run with the tiny encoder; the episodes' records come in turns."""
    (root / "learner").mkdir(parents=True)
    (root / "config.json").write_text(json.dumps({"vision": {"identity": "tiny"}}))
    with Journal(root / "learner" / "journal") as journal:
        for sequence, record in enumerate(record for steps in episodes for record in steps):
            journal.append(encode(replace(record, sequence=sequence)))
        journal.append(encode(LabelRecord("actor-0", "run", 10**6, 0, 0, "success", 1.0, 1, 0)))
    return root


def test_frames_of_an_old_run_are_encoded_by_a_new_encoder(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "old", [episode(0, True), episode(1, True)])
    same, other = (
        list(load_demonstrations(folder, encoder, dataset="run")) for encoder in (TinyEncoder(), OtherEncoder())
    )
    assert [step.sequence for step in same] == list(range(len(same))) and {step.episode for step in other} == {0, 1}
    for one, two in zip(same, other, strict=True):
        np.testing.assert_allclose(one.obs["wrist"][0], two.obs["wrist"][0], atol=0.03)
        assert not np.array_equal(one.obs["wrist"][1], two.obs["wrist"][1])  # a random shift of its own


def test_features_without_frames_serve_their_own_encoder_only(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "old", [episode(0, False)])
    assert list(load_demonstrations(folder, TinyEncoder(), dataset="run"))
    with pytest.raises(RunFolderError, match="features of encoder tiny and no frames"):
        list(load_demonstrations(folder, OtherEncoder(), dataset="run"))


def test_episodes_that_miss_a_step_or_their_end_are_left_out(tmp_path: Path) -> None:
    whole = episode(0, True)
    torn = [replace(step, episode=1) for step in whole]
    folder = run_folder(tmp_path / "old", [whole, torn[1:], [replace(step, episode=2) for step in whole[:-1]]])
    assert make_format("run").count(folder) == 1


def test_stages_that_a_person_labelled_meanwhile_are_in_the_meta(tmp_path: Path) -> None:
    steps = episode(0, True)
    folder = run_folder(tmp_path / "old", [steps])
    shutil.rmtree(folder / "learner" / "journal")
    with Journal(folder / "learner" / "journal") as journal:
        for sequence, record in enumerate(steps):
            journal.append(encode(replace(record, sequence=2 * sequence)))
            if record.step == 1:
                journal.append(encode(LabelRecord("actor-0", "run", 3, 0, 0, "stage", 0.25, 1, 0)))
    (read,) = make_format("run").read(folder)
    assert read.meta["stages"] == [0]


def test_what_is_no_run_is_refused_and_nothing_is_written_into_one(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"expected a run's folder"):
        list(load_demonstrations(tmp_path, TinyEncoder(), dataset="run"))
    with pytest.raises(ConfigError, match="only read"):
        make_format("run").write(
            tmp_path, next(make_format("run").read(run_folder(tmp_path / "x", [episode(0, True)])))
        )
