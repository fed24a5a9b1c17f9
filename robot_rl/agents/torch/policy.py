"""The policy in PyTorch, on the CPU: one observation is too small for a GPU."""

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.policy_inputs import LoadedPolicy
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.networks import Observation, Params


def policy_action(
    params: Params, obs: Observation, noise: Tensor, definition: AgentDefinition, proposal: Tensor | None = None
) -> Tensor:
    """Return the actions of the chunk that begins at a single observation: the policy's, or the reference's proposal.

    Shapes: obs without a batch axis; noise as `policy_noise` makes it; proposal (A,), returns (K, A) float32.
    """
    config, size = definition.config, definition.config.best_of * definition.continuous_dim
    single = {name: value[None] for name, value in obs.items()}
    z = networks.embed(params, single, definition)
    mean, std = networks.actor(params, z, config)
    candidates = torch.tanh(mean + std * noise[:size].view(config.best_of, -1))
    action = torch.zeros(definition.layout.size)
    for (head, axis), level in zip(definition.heads, noise[size : size + len(definition.heads)], strict=True):
        best = torch.tensor(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action[axis] = torch.where(torch.isnan(level), best, level)
    actions = action.repeat(config.best_of, config.chunk, 1)
    actions[..., definition.layout.continuous_indices] = candidates.view(config.best_of, config.chunk, -1)
    own = best_action(params, z, actions, definition)
    return own if proposal is None else preferred(params, z, own, proposal, noise[-1], definition)


def mean_actions(params: Params, obs: Observation, definition: AgentDefinition) -> Tensor:
    """Return the continuous parts (B, C) of the actions without noise, of a batch of observations."""
    mean, _ = networks.actor(params, networks.embed(params, obs, definition), definition.config)
    return torch.tanh(mean)


def best_action(params: Params, z: Tensor, actions: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the chunk that the critics value most. Shapes: z (1, Z), actions (N, K, A); returns (K, A)."""
    config = definition.config
    if len(actions) == 1:
        return actions[0]
    values = action_values(params, z, actions, definition)
    best: Tensor = actions[(values.mean(0) if config.best_by == "mean" else values.amin(0)).argmax()]
    return best


def preferred(
    params: Params, z: Tensor, own: Tensor, proposal: Tensor, chance: Tensor, definition: AgentDefinition
) -> Tensor:
    """Return the policy's action or the reference's, drawn by the softmax of the critics' lowest values.

    Shapes: z (1, Z), own and what it returns (1, A), proposal (A,), chance () in [0, 1].
    """
    values = action_values(params, z, torch.stack([own, proposal[None]]), definition).amin(0)
    share = torch.sigmoid((values[1] - values[0]) / definition.config.reference_temperature)
    return torch.where(chance < share, proposal, own)


def action_values(params: Params, z: Tensor, actions: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the critics' values of chunks at one embedding. Shapes: z (1, Z), actions (N, K, A); returns (E, N)."""
    config = definition.config
    critic = translation(config.critic, "torch")
    entry = critic.entry(params, z.expand(len(actions), -1))
    judged = actions[..., definition.judged_indices].flatten(1)
    values: Tensor = critic.values(params, entry, judged, config)
    return values


class TorchPolicy(LoadedPolicy):
    """The acting agent in PyTorch."""

    _to_array = staticmethod(torch.tensor)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray, proposal: np.ndarray | None) -> np.ndarray:
        inputs = {name: torch.tensor(value) for name, value in obs.items()}
        given = None if proposal is None else torch.from_numpy(proposal)
        with torch.inference_mode():
            action: np.ndarray = policy_action(params, inputs, torch.from_numpy(noise), self.definition, given).numpy()
        return action

    def _means(self, params: Params, obs: Observation) -> np.ndarray:
        inputs = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in obs.items()}
        with torch.inference_mode():
            means: np.ndarray = mean_actions(params, inputs, self.definition).numpy()
        return means
