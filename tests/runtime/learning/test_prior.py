"""A run starts from the networks of an earlier one of the same set-up, also of another task."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.agents.learner_state import state_layout
from robot_rl.build_prior import prior_state
from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.core.settings import save_settings
from robot_rl.methods import METHODS, with_method
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import new_run


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


def test_prior_without_a_checkpoint_is_refused(tmp_path: Path, capsys) -> None:
    folder = new_run(tmp_path / "empty")
    save_settings(folder.config_file, preset("pick-lift"))
    assert main(["train", "pick-lift", "--prior", str(folder.root), "--runs", str(tmp_path)]) != 0
    assert "without a checkpoint, expected a trained run" in capsys.readouterr().err
