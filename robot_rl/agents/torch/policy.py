"""The policy in PyTorch, on the CPU: one observation is too small for a GPU."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.policy_inputs import policy_entry, policy_noise
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.networks import Observation, Params
from robot_rl.core.errors import SchemaMismatchError


def policy_action(params: Params, obs: Observation, noise: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the action of a single observation.

    Shapes: obs without a batch axis; noise (C + D,) as `policy_noise` makes it; returns (A,) float32.
    """
    config, dim = definition.config, definition.continuous_dim
    single = {name: value[None] for name, value in obs.items()}
    z = networks.embed(params, single, definition)
    mean, std = networks.actor(params, z, config)
    action = torch.zeros(definition.layout.size)
    action[definition.layout.continuous_indices] = torch.tanh(mean[0] + std[0] * noise[:dim])
    for (head, axis), level in zip(definition.heads, noise[dim:], strict=True):
        best = torch.tensor(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action[axis] = torch.where(torch.isnan(level), best, level)
    return action


class TorchPolicy:
    """The acting agent; the actor loads weights into it between two steps.

    Args:
        definition: of the agent; the learner's must have the same `schema_hash`.
    """

    def __init__(self, definition: AgentDefinition) -> None:
        self.definition = definition
        self.version = -1
        self._params: dict[str, Tensor] | None = None

    def load(self, params: Mapping[str, np.ndarray], version: int) -> None:
        """Load weights; the next `act` uses them.

        Raises:
            ConfigError: weights of another definition.
        """
        self.definition.check_parameters(params, self.definition.policy_names())
        self._params = {name: torch.tensor(value) for name, value in params.items()}
        self.version = version

    def act(self, obs: Mapping[str, np.ndarray], rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        """Return an action (A,) float32 in [-1, 1] for one encoded observation.

        Entries with variants may come whole (V, F): the clean one, variant 0, is used. Discrete heads give the level of
        one of their values.

        Raises:
            SchemaMismatchError: no weights loaded yet, a missing entry or another shape.
        """
        if self._params is None:
            raise SchemaMismatchError("policy weights: got none, expected a call of load; wait for the first weights.")
        clean = {name: policy_entry(obs, name, self.definition) for name in self.definition.observation}
        inputs = {name: torch.tensor(value) for name, value in clean.items()}
        noise = torch.from_numpy(policy_noise(self.definition, rng, deterministic))
        with torch.inference_mode():
            action: np.ndarray = policy_action(self._params, inputs, noise, self.definition).numpy()
        return action
