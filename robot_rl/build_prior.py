"""What a run takes from an earlier one: the state of its learner, and the steps that it gathered."""

from collections.abc import Generator
from contextlib import closing

import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.learner_state import check_state
from robot_rl.build import make_checkpoints, make_definition, make_encoder, make_schema
from robot_rl.config import TrainConfig, load_config
from robot_rl.core.errors import RunFolderError, SchemaMismatchError
from robot_rl.core.records import Record
from robot_rl.core.schema import StepSchema
from robot_rl.runtime.runs.recorded_run import prior_records
from robot_rl.runtime.runs.run_folder import existing_run
from robot_rl.vision.encoder import Encoder


def check_prior(config: TrainConfig) -> None:
    """Check that a new run can take what its settings want from the run `prior`.

    Raises:
        RobotRLError: no such run, networks of another agent, or data of another task, observation, encoder or reward.
    """
    encoder = make_encoder(config)
    schema = make_schema(config, encoder)
    if config.prior_networks:
        prior_state(config, make_definition(schema, config), schema)
    if config.learner.prior_fraction:
        with closing(prior_data(config, schema, encoder)) as records:
            next(records)


def prior_state(config: TrainConfig, definition: AgentDefinition, schema: StepSchema) -> dict[str, np.ndarray]:
    """Return the state of a learner that starts from the networks of the run `prior`, whose task may be another.

    Raises:
        RunFolderError: there is no such run, or it has no checkpoint.
        CheckpointError: another agent or encoder, with both sides.
    """
    assert config.prior is not None
    folder = existing_run(config.prior)
    checkpoint = make_checkpoints(folder.learner, definition, schema, unlike=("schema",)).latest()
    if checkpoint is None:
        raise RunFolderError(f"prior: got {config.prior} without a checkpoint, expected a trained run; train it first.")
    check_state(checkpoint.arrays, definition)
    return checkpoint.arrays | {"step": np.array(0, np.int64), "seed": np.array(config.seed, np.int64)}


def prior_data(config: TrainConfig, schema: StepSchema, encoder: Encoder | None) -> Generator[Record]:
    """Return the steps that the run `prior` gathered, with their labels.

    Raises:
        RunFolderError: there is no such run, it is running, or it gathered none.
        SchemaMismatchError: another task, observation, action, encoder or reward, with both sides.
    """
    assert config.prior is not None
    folder = existing_run(config.prior)
    if lines := _differences(load_config(folder.config_file), config, schema, encoder):
        raise SchemaMismatchError(
            f"prior: got {config.prior} as data, of which differ (its own against this run's) {'; '.join(lines)}, "
            "expected the same; train with its settings, or take its networks alone (--learner.prior-fraction 0)."
        )
    return prior_records(folder)


def _differences(theirs: TrainConfig, ours: TrainConfig, schema: StepSchema, encoder: Encoder | None) -> list[str]:
    """Return the differences between the steps of two runs, one line each."""
    own = schema.encoder
    lines = schema_of(theirs, ours, encoder, "prior").difference(schema)
    if own and theirs.vision.variants != ours.vision.variants:
        lines.append(f"variants: {theirs.vision.variants} against {ours.vision.variants}")
    if _rewards(theirs) != _rewards(ours):
        lines.append(f"rewards: {_rewards(theirs)} against {_rewards(ours)}")
    return lines


def schema_of(theirs: TrainConfig, ours: TrainConfig, encoder: Encoder | None, what: str) -> StepSchema:
    """Return the schema of another run's steps, given this run's encoder.

    Raises:
        SchemaMismatchError: that run has another one, with both sides.
    """
    identity, own = theirs.vision.identity or "", "" if encoder is None else encoder.identity
    if identity != own:
        raise SchemaMismatchError(
            f"{what}: got {getattr(ours, what)} with encoder {identity[:12] or 'none'}, expected this run's, "
            f"{own[:12] or 'none'}; name its file by --vision.encoder."
        )
    return make_schema(theirs, encoder)


def _rewards(config: TrainConfig) -> str:
    """Return the sources of a run's rewards and their settings; files are each run's own copies."""
    settings = [f"{name} {text}" for name, text in config.reward_settings.items() if not name.endswith(".file")]
    return ", ".join([*config.rewards, *settings])
