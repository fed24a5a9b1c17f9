"""Losses of implicit Q-learning in PyTorch, by the equations in `robot_rl.agents.jax.iql`."""

import torch
from torch import Tensor

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.torch import losses, networks
from robot_rl.agents.torch.ensemble import Metrics
from robot_rl.agents.torch.networks import Params
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.data.batch import Batch

WEIGHT_MAX = 100.0


def value(params: Params, z: Tensor, config: AgentConfig) -> Tensor:
    """Return V (B,)."""
    return networks.dense(params, "value/out", networks.mlp(params, "value", z, config))[:, 0]


@torch.no_grad()
def critic_target(params: Params, batch: Batch, definition: AgentDefinition) -> Tensor:
    """Return the critics' target y (B,)."""
    z_next = networks.embed(params, batch.next_obs, definition)
    return losses.bootstrapped(batch.reward, value(params, z_next, definition.config), batch)


@torch.no_grad()
def executed_value(targets: Params, batch: Batch, plan: UpdateInputs, definition: AgentDefinition) -> Tensor:
    """Return q (B,), the target critics' value of the action that was executed."""
    z, action = networks.embed(targets, batch.obs, definition), losses.judged_action(batch.action, definition)
    q: Tensor = translation(definition.config.critic, "torch").target_value(targets, z, action, plan, definition.config)
    return q


def value_loss(params: Params, z: Tensor, q: Tensor, config: AgentConfig) -> tuple[Tensor, Metrics]:
    """Return the loss of V, and metrics."""
    v = value(params, z, config)
    u = q - v
    loss = (torch.where(u < 0.0, 1.0 - config.expectile, config.expectile) * u.square()).mean()
    return loss, {"value_loss": loss.detach(), "value": v.detach().mean()}


@torch.no_grad()
def advantage_weights(params: Params, z: Tensor, q: Tensor, config: AgentConfig) -> Tensor:
    """Return each sample's weight in the policy's loss (B,)."""
    advantage = q - value(params, z, config)
    return torch.exp(config.advantage_scale * advantage).clamp(max=WEIGHT_MAX)


def policy_loss(
    params: Params, z: Tensor, batch: Batch, weights: Tensor, definition: AgentDefinition
) -> tuple[Tensor, Metrics]:
    """Return the loss of actor and heads, and metrics."""
    errors, metrics = losses.cloning_errors(params, z, batch, definition)
    loss = (weights * errors).mean()
    return loss, {"policy_loss": loss.detach(), "advantage_weight": weights.mean(), **metrics}
