"""A run starts from the networks of an earlier one of the same set-up, also of another task, and from its data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.agents.learner_state import state_layout
from robot_rl.build_prior import check_prior, prior_data, prior_state
from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError, RunFolderError, SchemaMismatchError
from robot_rl.core.records import LabelRecord, Source, StepRecord
from robot_rl.core.settings import save_settings
from robot_rl.methods import METHODS, with_method
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import new_run
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import encode
from tests.data.builders import step_record


def parts(config: TrainConfig):
    schema = build.make_schema(config, build.make_encoder(config))
    return build.make_definition(schema, config), schema


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    """A run of PickLift with a checkpoint after 8 updates; each number is 0.5."""
    config, folder = preset("pick-lift"), new_run(tmp_path / "lift")
    save_settings(folder.config_file, config)
    definition, schema = parts(config)
    state = {name: np.full(shape, 0.5, dtype) for name, (dtype, shape) in state_layout(definition).items()}
    checkpoints = build.make_checkpoints(folder.learner, definition, schema)
    checkpoints.save(8, state | {"step": np.array(8, np.int64), "seed": np.array(0, np.int64)}, {})
    return folder.root


def test_another_task_starts_from_its_networks_and_counts_from_zero(prior: Path) -> None:
    config = replace(preset("peg-insert"), prior=prior, seed=7)
    state = prior_state(config, *parts(config))
    assert (state["step"], state["seed"]) == (0, 7)
    assert all((state[name] == 0.5).all() for name in state if name.startswith("params/"))


def test_a_clones_networks_start_other_methods_and_those_of_iql_do_not() -> None:
    agents = {name: parts(with_method(preset("pick-lift"), name))[0].schema_hash() for name in METHODS}
    assert {name for name in METHODS if agents[name] != agents["bc"]} == {"iql"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--agent.hidden", "32", "32"], "made for agent"),
        (["--prior", "{prior}/nothing"], "run folder: got"),
        (["--vision.mode", "trainable"], "made for agent"),
    ],
)
def test_other_networks_are_refused_before_a_run_begins(prior: Path, words: list[str], text: str, capsys) -> None:
    words = ["--prior", str(prior), *(word.format(prior=prior) for word in words)]
    assert main(["train", "peg-insert", *words, "--runs", str(prior.parent), "--run-name", "peg"]) != 0
    assert text in capsys.readouterr().err and not (prior.parent / "peg").exists()


def gathered(folder: Path, config: TrainConfig) -> list[StepRecord]:
    """Write a run's settings and journal: an episode of the policy with an intervention, and a label."""
    schema = parts(config)[1]
    zeros = {name: np.zeros(spec.shape, spec.dtype) for name, spec in schema.observation.items()}
    action, sources = np.zeros(schema.action.size, np.float32), [Source.POLICY, Source.HUMAN, Source.POLICY]
    place = [{"sequence": i, "step": i, "source": source} for i, source in enumerate(sources)]
    ends = {"truncated": True, "next_obs": zeros}
    fields = {"obs": zeros, "action": action, "policy_action": action, "human_action": action}
    steps = [step_record(0, **fields, **values, **(ends if values["step"] == 2 else {})) for values in place]
    save_settings(new_run(folder).config_file, config)
    with Journal(folder / "learner" / "journal") as journal:
        for record in [*steps, LabelRecord("a0", "r", 3, 0, 2, "success", 1.0, 1, 0)]:
            journal.append(encode(record))
    return steps


STATE = preset("pick-lift-state-only")


def with_data(folder: Path) -> TrainConfig:
    """Return settings that take an earlier run's data alone."""
    learner = replace(STATE.learner, prior_fraction=0.25)
    return replace(STATE, prior=folder, prior_networks=False, learner=learner)


def test_what_an_earlier_run_gathered_is_data_with_its_labels(tmp_path: Path) -> None:
    gathered(tmp_path / "a", STATE)
    config = with_data(tmp_path / "a")
    check_prior(config)
    schema = parts(config)[1]
    replay = build.make_replay(schema, config)
    for record in prior_data(config, schema, None):
        replay.append(record) if isinstance(record, StepRecord) else replay.relabel(record)
    counts = replay.counts()
    assert (counts["prior"], counts["online"], counts["demonstration"], counts["labels_missed"]) == (3, 0, 0, 0)
    assert replay.counters.recorded == 3 and replay.sample(50, 1).reward.max() == 1.0


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (preset("peg-insert-state-only"), "task: 'peg-insert' against 'pick-lift'"),
        (preset("pick-lift"), "with encoder .*, expected this run's, none"),
        (with_method(STATE, "rlif"), "rewards: ground-truth, human-label, rlif against ground-truth, human-label"),
    ],
)
def test_other_data_is_refused_with_both_sides(tmp_path: Path, other: TrainConfig, text: str) -> None:
    if other.vision.mode == "frozen":
        encoder = build.make_encoder(other)
        other = replace(other, vision=replace(other.vision, identity=encoder.identity))
    gathered(tmp_path / "a", other)
    with pytest.raises(SchemaMismatchError, match=text):
        check_prior(with_data(tmp_path / "a"))


def test_a_run_that_gathered_nothing_is_refused_as_data(tmp_path: Path) -> None:
    save_settings(new_run(tmp_path / "a").config_file, STATE)
    with pytest.raises(RunFolderError, match="without steps of an actor"):
        check_prior(with_data(tmp_path / "a"))


def test_a_share_without_an_earlier_run_or_beyond_the_batch_is_refused() -> None:
    with pytest.raises(ConfigError, match="without --prior, expected 0"):
        replace(STATE, learner=replace(STATE.learner, prior_fraction=0.25))
    with pytest.raises(ConfigError, match=r"prior_fraction: got 0.75 beside demo_fraction 0.5"):
        replace(STATE.learner, prior_fraction=0.75)


def test_prior_without_a_checkpoint_is_refused(tmp_path: Path, capsys) -> None:
    folder = new_run(tmp_path / "empty")
    save_settings(folder.config_file, preset("pick-lift"))
    assert main(["train", "pick-lift", "--prior", str(folder.root), "--runs", str(tmp_path)]) != 0
    assert "without a checkpoint, expected a trained run" in capsys.readouterr().err
