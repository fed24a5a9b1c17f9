"""The policy of another run proposes actions beside the one that learns; each run keeps a copy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.agents.learner_state import state_layout
from robot_rl.build_reference import make_learner, make_policy, open_reference, pin_reference
from robot_rl.cli import evaluate, main
from robot_rl.config import TrainConfig
from robot_rl.core.errors import CheckpointError, ConfigError, RunFolderError, SchemaMismatchError
from robot_rl.core.settings import save_settings
from robot_rl.methods import with_method
from robot_rl.presets import preset
from robot_rl.runtime.runs.run_folder import new_run

STATE = preset("pick-lift-state-only")
CLONE = replace(with_method(STATE, "bc"), agent=replace(with_method(STATE, "bc").agent, hidden=(32, 32)))


def trained(root: Path, config: TrainConfig) -> tuple[Path, dict[str, np.ndarray]]:
    """Write a run with a checkpoint of random numbers; return its folder and its state."""
    folder, rng = new_run(root), np.random.default_rng(3)
    save_settings(folder.config_file, config)
    schema = build.make_schema(config, build.make_encoder(config))
    definition = build.make_definition(schema, config)
    layout = state_layout(definition).items()
    state = {name: np.asarray(rng.uniform(0.0, 0.3, shape)).astype(dtype) for name, (dtype, shape) in layout}
    build.make_checkpoints(folder.learner, definition, schema).save(8, state, {})
    return folder.root, state


def test_run_keeps_a_copy_that_acts_as_the_other_runs_policy(tmp_path: Path) -> None:
    root, state = trained(tmp_path / "clone", CLONE)
    config, folder = replace(STATE, reference=root), new_run(tmp_path / "run")
    pinned = pin_reference(config, folder)
    assert pinned.reference == folder.reference and pin_reference(pinned, folder) == pinned
    schema = build.make_schema(config, None)
    policy = make_policy(build.make_definition(schema, pinned), pinned)
    own, rng = build.make_agent(build.make_definition(schema, CLONE), CLONE).policy(), np.random.default_rng(0)
    own.load({name: state[f"targets/{name}"] for name in own.definition.policy_names()}, 8)
    obs = {name: rng.standard_normal(spec.shape).astype(np.float32) for name, spec in schema.observation.items()}
    np.testing.assert_array_equal(policy.reference.act(obs, rng, True), own.act(obs, rng, True))
    assert (policy.reference.version, open_reference(pinned).run) == (8, "clone")


def test_run_that_moved_finds_its_copy(tmp_path: Path) -> None:
    config, folder = replace(STATE, reference=trained(tmp_path / "clone", CLONE)[0]), new_run(tmp_path / "run")
    save_settings(folder.config_file, pin_reference(config, folder))
    folder.root.rename(tmp_path / "moved")
    _, config = evaluate.Arguments(run=tmp_path / "moved").open()
    assert open_reference(config).run == "clone"


def test_learner_takes_the_reference_where_its_targets_want_it(tmp_path: Path) -> None:
    root, _ = trained(tmp_path / "clone", CLONE)
    wanted = replace(STATE, reference=root, agent=replace(STATE.agent, reference_in_target=True))
    definition = build.make_definition(build.make_schema(wanted, None), wanted)
    assert make_learner(definition, wanted).reference.version == 8
    assert make_learner(definition, replace(wanted, agent=STATE.agent)).reference is None
    with pytest.raises(ConfigError, match="reference_in_target: got reference None"):
        make_learner(definition, replace(wanted, reference=None))


def test_other_observations_and_what_is_no_run_are_refused(tmp_path: Path) -> None:
    other, _ = trained(tmp_path / "peg", preset("peg-insert-state-only"))
    with pytest.raises(SchemaMismatchError, match=r"the policy of peg, of which differ .*observation"):
        open_reference(replace(STATE, reference=other))
    with pytest.raises(SchemaMismatchError, match="with encoder none, expected this run's, "):
        open_reference(replace(preset("pick-lift"), reference=other))
    chunked, _ = trained(tmp_path / "chunks", replace(STATE, agent=replace(STATE.agent, chunk=2)))
    with pytest.raises(SchemaMismatchError, match="the policy of chunks with chunk 2, expected 1"):
        open_reference(replace(STATE, reference=chunked))
    with pytest.raises(RunFolderError, match="run folder: got"):
        open_reference(replace(STATE, reference=tmp_path / "none"))
    (tmp_path / "file").write_bytes(b"none")
    with pytest.raises(CheckpointError, match="expected a run's folder or a file"):
        open_reference(replace(STATE, reference=tmp_path / "file"))
    with pytest.raises(ConfigError, match="reference: got one with objective imitation"):
        replace(CLONE, reference=other)


def test_run_without_a_policy_is_refused_before_the_new_one_begins(tmp_path: Path, capsys) -> None:
    save_settings(new_run(tmp_path / "empty").config_file, STATE)
    words = ["--reference", str(tmp_path / "empty"), "--runs", str(tmp_path), "--run-name", "new"]
    assert main(["train", "pick-lift-state-only", *words]) != 0
    assert "without a checkpoint, expected a trained run" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
