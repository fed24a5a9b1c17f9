"""The policy in PyTorch, on the CPU: one observation is too small for a GPU."""

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.policy_inputs import LoadedPolicy
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.networks import Observation, Params


def policy_action(params: Params, obs: Observation, noise: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the action of a single observation.

    Shapes: obs without a batch axis; noise (N C + D,) as `policy_noise` makes it; returns (A,) float32.
    """
    config, heads = definition.config, len(definition.heads)
    single = {name: value[None] for name, value in obs.items()}
    z = networks.embed(params, single, definition)
    mean, std = networks.actor(params, z, config)
    candidates = torch.tanh(mean + std * noise[: len(noise) - heads].view(config.best_of, -1))
    action = torch.zeros(definition.layout.size)
    action[definition.layout.continuous_indices] = best_candidate(params, z, candidates, config)
    for (head, axis), level in zip(definition.heads, noise[len(noise) - heads :], strict=True):
        best = torch.tensor(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action[axis] = torch.where(torch.isnan(level), best, level)
    return action


def best_candidate(params: Params, z: Tensor, candidates: Tensor, config: AgentConfig) -> Tensor:
    """Return the action that the critics value most. Shapes: z (1, Z), candidates (N, C); returns (C,)."""
    if len(candidates) == 1:
        return candidates[0]
    critic = translation(config.critic, "torch")
    entry = critic.entry(params, z.expand(len(candidates), -1))
    values = critic.values(params, entry, candidates, config)
    best: Tensor = candidates[(values.mean(0) if config.best_by == "mean" else values.amin(0)).argmax()]
    return best


class TorchPolicy(LoadedPolicy):
    """The acting agent in PyTorch."""

    _to_array = staticmethod(torch.tensor)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray) -> np.ndarray:
        inputs = {name: torch.tensor(value) for name, value in obs.items()}
        with torch.inference_mode():
            action: np.ndarray = policy_action(params, inputs, torch.from_numpy(noise), self.definition).numpy()
        return action
