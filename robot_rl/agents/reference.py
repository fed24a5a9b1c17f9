"""Reference: the frozen policy of another run, in one file, whose actions compete with those of the policy that learns.

File: safetensors with the policy's parameters; metadata `reference`: JSON with schema, agent, updates and run.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from robot_rl.agents.backend import Policy, make_backend
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.errors import CheckpointError, SchemaMismatchError
from robot_rl.core.schema import StepSchema
from robot_rl.core.settings import changed, to_json

_KEY = "reference"


class Reference(NamedTuple):
    """A frozen policy."""

    schema: StepSchema
    agent: AgentConfig
    params: dict[str, np.ndarray]
    updates: int
    run: str
    """Name of the run that it comes from."""

    def save(self, path: Path) -> None:
        """Write it to a file, atomically."""
        header = {"schema": self.schema.to_json(), "agent": to_json(self.agent), "updates": self.updates}
        part = path.with_name(path.name + ".part")
        safetensors.numpy.save_file(self.params, part, {_KEY: json.dumps({**header, "run": self.run})})
        part.replace(path)

    def check(self, schema: StepSchema) -> None:
        """Refuse a run whose observations or actions are others; its task may be another.

        Raises:
            SchemaMismatchError: what differs, with both sides.
        """
        if self.agent.chunk > 1:
            raise SchemaMismatchError(
                f"reference: got the policy of {self.run} with chunk {self.agent.chunk}, expected 1: it has to "
                "propose single steps."
            )
        if lines := replace(self.schema, task=schema.task).difference(schema):
            raise SchemaMismatchError(
                f"reference: got the policy of {self.run}, of which differ (its own against this run's) "
                f"{'; '.join(lines)}, expected the same; train with its settings, or clone with this run's."
            )

    def policy(self, backend: str) -> Policy:
        """Return it in a backend, ready to act."""
        agent = replace(self.agent, backend=backend, precision="float32", best_of=1)
        policy = make_backend(AgentDefinition(self.schema.observation, self.schema.action, agent), 0).policy()
        policy.load(self.params, self.updates)
        return policy


def read_reference(path: Path) -> Reference:
    """Return the reference in a file.

    Raises:
        CheckpointError: it is damaged, or no reference.
    """
    try:
        params = safetensors.numpy.load_file(path)
        with safe_open(path, "numpy") as file:
            header: dict[str, Any] = json.loads(file.metadata()[_KEY])
        agent = changed(AgentConfig(), header["agent"], "reference")
        return Reference(
            StepSchema.from_json(header["schema"]), agent, params, int(header["updates"]), str(header["run"])
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"reference: got {path}, expected a run's folder or a file that a run copied ({error!r})."
        ) from error
