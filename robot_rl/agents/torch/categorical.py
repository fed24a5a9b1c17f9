"""The categorical critics in PyTorch."""

import torch
from torch import Tensor

from robot_rl.agents import categorical
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.ensemble import Metrics, TorchEnsemble
from robot_rl.agents.torch.networks import Params
from robot_rl.agents.torch.precision import product


class TorchCategorical(TorchEnsemble):
    """E critics: cross entropies summed, the minimum of a random subset in the target, the mean for the actor."""

    @staticmethod
    def logits(params: Params, entry: Tensor, action: Tensor, config: AgentConfig) -> Tensor:
        """Return the logits (E, B, bins) of an embedding, as `entry` (E, B, H), and the action (B, A)."""
        entry = product(action, params["critic/action/kernel"], added=entry)
        out = networks.dense(params, "critic/out", networks.mlp_from_entry(params, "critic", entry, config))
        return out + torch.from_numpy(categorical.first_logits(config)).to(out)

    @staticmethod
    def values(params: Params, entry: Tensor, action: Tensor, config: AgentConfig) -> Tensor:
        """Return the distributions' means Q (E, B)."""
        return means(TorchCategorical.logits(params, entry, action, config), config)

    @staticmethod
    def loss(
        params: Params, entry: Tensor, action: Tensor, target: Tensor, config: AgentConfig
    ) -> tuple[Tensor, Metrics]:
        """Return the sum of the critics' mean cross entropies, and metrics."""
        logits = TorchCategorical.logits(params, entry, action, config)
        entropy = -(target_mass(target, config) * torch.log_softmax(logits, -1)).sum(-1).mean(1)  # (E,)
        q = means(logits.detach(), config)
        spread = q.std(0, correction=0).mean()
        return entropy.sum(), {"critic_loss": entropy.detach().mean(), "q": q.mean(), "q_spread": spread}


def means(logits: Tensor, config: AgentConfig) -> Tensor:
    """Return the distributions' means. Shapes: (E, B, bins) -> (E, B)."""
    return torch.softmax(logits, -1) @ torch.from_numpy(categorical.centres(config)).to(logits)


def target_mass(target: Tensor, config: AgentConfig) -> Tensor:
    """Return a target's mass in each bin. Shapes: (B,) -> (B, bins)."""
    centre = target.clamp(*config.value_range)[:, None]
    edges = torch.from_numpy(categorical.edges(config)).to(target)
    below = torch.special.ndtr((edges - centre) / categorical.target_std(config))
    return below.diff() / (below[:, -1:] - below[:, :1])
