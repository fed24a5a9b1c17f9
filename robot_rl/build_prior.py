"""State of a learner that starts from an earlier run."""

import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.learner_state import check_state
from robot_rl.build import make_checkpoints
from robot_rl.config import TrainConfig
from robot_rl.core.errors import RunFolderError
from robot_rl.core.schema import StepSchema
from robot_rl.runtime.runs.run_folder import existing_run


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
