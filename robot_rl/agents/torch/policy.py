"""The policy in PyTorch, on the CPU: one observation is too small for a GPU."""

import numpy as np
import torch
from torch import Tensor

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
    for (head, axis), level in zip(definition.heads, noise[len(noise) - heads :], strict=True):
        best = torch.tensor(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action[axis] = torch.where(torch.isnan(level), best, level)
    actions = action.repeat(config.best_of, 1)
    actions[:, definition.layout.continuous_indices] = candidates
    return best_action(params, z, actions, definition)


def best_action(params: Params, z: Tensor, actions: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the action that the critics value most. Shapes: z (1, Z), actions (N, A); returns (A,)."""
    config = definition.config
    if len(actions) == 1:
        return actions[0]
    critic = translation(config.critic, "torch")
    entry = critic.entry(params, z.expand(len(actions), -1))
    values = critic.values(params, entry, actions[:, definition.judged_indices], config)
    best: Tensor = actions[(values.mean(0) if config.best_by == "mean" else values.amin(0)).argmax()]
    return best


class TorchPolicy(LoadedPolicy):
    """The acting agent in PyTorch."""

    _to_array = staticmethod(torch.tensor)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray) -> np.ndarray:
        inputs = {name: torch.tensor(value) for name, value in obs.items()}
        with torch.inference_mode():
            action: np.ndarray = policy_action(params, inputs, torch.from_numpy(noise), self.definition).numpy()
        return action
