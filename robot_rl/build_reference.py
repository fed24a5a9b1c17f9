"""The policy of a run, with the reference that its settings name."""

from dataclasses import replace
from pathlib import Path

from robot_rl.agents.backend import Learner, Policy
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.learner_state import CountedLearner
from robot_rl.agents.policy_inputs import LoadedPolicy
from robot_rl.agents.reference import Reference, read_reference
from robot_rl.build import make_agent, make_checkpoints, make_definition, make_encoder, make_schema
from robot_rl.build_prior import schema_of
from robot_rl.config import TrainConfig, load_config
from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run


def make_policy(definition: AgentDefinition, config: TrainConfig) -> Policy:
    """Return the policy that acts, without weights; beside it the reference of the settings.

    Raises:
        RobotRLError: a reference that cannot be read or does not fit, or a backend whose policies take none.
    """
    policy = make_agent(definition, config).policy()
    if config.reference is None:
        return policy
    if not isinstance(policy, LoadedPolicy):
        raise ConfigError(f"reference: got backend {config.agent.backend!r}, expected jax or torch; leave it out.")
    policy.reference = open_reference(config).policy(config.agent.backend)
    return policy


def make_learner(definition: AgentDefinition, config: TrainConfig) -> Learner:
    """Return the learner, with the reference in its targets where the settings want it.

    Raises:
        RobotRLError: see `make_policy`; or nothing is there to refer to.
    """
    learner = make_agent(definition, config).learner()
    if not config.agent.reference_in_target:
        return learner
    reference = None if config.reference is None else open_reference(config).policy(config.agent.backend)
    if not (isinstance(learner, CountedLearner) and isinstance(reference, LoadedPolicy)):
        raise ConfigError(
            f"reference_in_target: got reference {config.reference} and backend {config.agent.backend!r}, expected a "
            "reference, in jax or torch; name one by --reference."
        )
    learner.reference = reference
    return learner


def pin_reference(config: TrainConfig, folder: RunFolder) -> TrainConfig:
    """Return settings whose reference is a copy in the run's folder.

    Raises:
        RobotRLError: see `open_reference`.
    """
    if config.reference is None:
        return config
    if not folder.reference.exists():
        open_reference(config).save(folder.reference)
    return replace(config, reference=folder.reference.absolute())


def open_reference(config: TrainConfig) -> Reference:
    """Return the reference that the settings name, by its file or its run.

    Raises:
        RobotRLError: there is none, or it sees or does something else than this run.
    """
    path = config.reference
    assert path is not None
    found = read_reference(path) if path.is_file() else reference_of(path, config)
    found.check(make_schema(config, make_encoder(config)))
    return found


def reference_of(path: Path, config: TrainConfig) -> Reference:
    """Return the policy of a run's newest checkpoint.

    Raises:
        RunFolderError: there is no such run, or it has no checkpoint.
        SchemaMismatchError: another encoder.
    """
    folder = existing_run(path)
    theirs = load_config(folder.config_file)
    schema = schema_of(theirs, config, make_encoder(config), "reference")
    definition = make_definition(schema, replace(theirs, reference=None))
    checkpoint = make_checkpoints(folder.learner, definition, schema).latest()
    if checkpoint is None:
        raise RunFolderError(f"reference: got {path} without a checkpoint, expected a trained run; train it first.")
    agent = replace(theirs.agent, best_of=1)
    names = replace(definition, config=agent).policy_names()
    params = {name: checkpoint.arrays[f"targets/{name}"] for name in names}
    return Reference(schema, agent, params, checkpoint.updates, folder.name)
