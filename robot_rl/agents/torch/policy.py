"""The policy in PyTorch, on the CPU: one observation is too small for a GPU."""

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.policy_inputs import LoadedPolicy
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.networks import Observation, Params


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


class TorchPolicy(LoadedPolicy):
    """The acting agent in PyTorch."""

    _to_array = staticmethod(torch.tensor)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray) -> np.ndarray:
        inputs = {name: torch.tensor(value) for name, value in obs.items()}
        with torch.inference_mode():
            action: np.ndarray = policy_action(params, inputs, torch.from_numpy(noise), self.definition).numpy()
        return action
