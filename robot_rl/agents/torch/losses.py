"""Losses in PyTorch, by the equations in `robot_rl.agents.jax.losses`; all randomness is in the `UpdateInputs`."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.ensemble import Metrics
from robot_rl.agents.torch.networks import Observation, Params
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.core.action_layout import Discrete
from robot_rl.data.batch import Batch


class Embedding(NamedTuple):
    """A batch of observations, embedded."""

    z: Tensor  # (B, Z)
    critic_entry: Tensor  # (E, B, H)


def continuous_action(action: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the continuous parts of the first action, or of a whole chunk. Shapes: (B, A) or (B, H, A) -> (B, C)."""
    return decided(action, definition)[..., definition.layout.continuous_indices].reshape(len(action), -1)


def judged_action(action: Tensor, definition: AgentDefinition) -> Tensor:
    """Return what the critics judge of the first action, or of a whole chunk. Shapes: (B, A) or (B, H, A) -> (B, J)."""
    return decided(action, definition)[..., definition.judged_indices].reshape(len(action), -1)


def decided(action: Tensor, definition: AgentDefinition) -> Tensor:
    """Return the actions of one decision. Shapes: (B, A) or (B, H, A) -> (B, A), with chunks (B, H, A)."""
    return action if definition.config.chunk > 1 else first_action(action)


def first_action(action: Tensor) -> Tensor:
    """Return the action at the observation. Shapes: (B, A) or (B, H, A) -> (B, A)."""
    return action[:, 0] if action.ndim == 3 else action


def discrete_index(action: Tensor, head: Discrete, axis: int) -> Tensor:
    """Return the index of a head's value in the first action, as `Discrete.index`. Shapes: (B, A) -> (B,)."""
    level = first_action(action)[:, axis]
    above = [level > limit if limit >= 0 else level >= limit for limit in head.thresholds]
    return torch.stack(above).sum(0)


def critic_target(
    params: Params,
    targets: Params,
    z_next: Tensor,
    z_next_target: Tensor,
    batch: Batch,
    plan: UpdateInputs,
    config: AgentConfig,
) -> Tensor:
    """Return the critics' target y (B,)."""
    mean, std = networks.actor(params, z_next, config)
    action, log_prob = networks.squash(mean, std, plan.next_noise)
    critic = translation(config.critic, "torch")
    value = critic.target_value(targets, z_next_target, action, plan, config)
    if config.backup_entropy:
        value = value - networks.temperature(params) * log_prob
    if plan.next_reference.shape[-1]:
        lead = critic.target_value(targets, z_next_target, plan.next_reference, plan, config) - value
        value = value + torch.sigmoid(lead / config.reference_temperature) * lead
    return bootstrapped(batch.reward, value, batch)


def bootstrapped(reward: Tensor, value: Tensor, batch: Batch) -> Tensor:
    """Return reward + discount (1 - terminated) value (B,)."""
    target: Tensor = reward + batch.discount * (1.0 - batch.terminated) * value
    return target


def critic_loss(
    params: Params, batch: Batch, target: Tensor, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[Tensor, tuple[Embedding, Metrics]]:
    """Return the critics' loss, the observation's embedding without gradient, and metrics."""
    z = networks.embed(params, batch.obs, definition)
    critic, action = translation(definition.config.critic, "torch"), judged_action(batch.action, definition)
    entry = critic.entry(params, z)
    loss, metrics = critic.loss(params, entry, action, target, definition.config)
    if definition.config.conservative_weight:
        gaps = z.new_zeros(definition.config.num_critics)
        if plan.conservative_weight > 0.0:
            gaps = conservative_gap(params, Embedding(z, entry), batch, plan, definition)
        loss = loss + float(plan.conservative_weight) * gaps.sum()
        metrics = {**metrics, "conservative_gap": gaps.detach().mean()}
    return loss, (Embedding(z.detach(), entry.detach()), metrics)


def conservative_gap(
    params: Params, embedding: Embedding, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> Tensor:
    """Return by how much each critic values other actions above those of the batch (E,)."""
    config, (normal, uniform) = definition.config, plan.conservative_noise
    mean, std = networks.actor(params, embedding.z.detach(), config)
    own, log_prob = networks.squash(mean, std, normal)  # (N, B, A), (N, B)
    critic = translation(config.critic, "torch")

    def values(action: Tensor) -> Tensor:
        return critic.values(params, embedding.critic_entry, action, config)  # (E, B)

    calibrated = torch.maximum(torch.stack([values(action) for action in own]), batch.outcome) - log_prob[:, None]
    others = torch.stack([values(action) for action in uniform]) + definition.continuous_dim * networks.LOG_2
    highest = torch.logsumexp(torch.cat([calibrated, others]), dim=0)
    return (highest - values(continuous_action(batch.action, definition))).mean(1)


def actor_loss(
    params: Params, embedding: Embedding, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[Tensor, Metrics]:
    """Return the actor's loss, and metrics; for the actor's parameters only."""
    mean, std = networks.actor(params, embedding.z, definition.config)
    action, log_prob = networks.squash(mean, std, plan.noise)
    critic = translation(definition.config.critic, "torch")
    q = critic.actor_value(params, embedding.critic_entry, action, definition.config)
    error = (torch.tanh(mean) - continuous_action(batch.action, definition)).square().sum(-1)
    cloning = _mean_imitated(error, batch)
    loss = (networks.temperature(params) * log_prob - q).mean() + plan.bc_weight * cloning
    metrics = {"actor_loss": loss, "entropy": -log_prob.mean(), "cloning_error": cloning, "policy_std": std.mean()}
    return loss, {name: value.detach() for name, value in metrics.items()}


@torch.no_grad()
def only_better(params: Params, embedding: Embedding, batch: Batch, definition: AgentDefinition) -> Batch:
    """Return the batch without the imitated samples whose outcome the policy at hand should surpass."""
    mean, _ = networks.actor(params, embedding.z, definition.config)
    critic = translation(definition.config.critic, "torch")
    own = critic.actor_value(params, embedding.critic_entry, torch.tanh(mean), definition.config)
    return batch._replace(imitated=batch.imitated * (batch.outcome >= own))


def temperature_loss(params: Params, entropy: Tensor, definition: AgentDefinition) -> tuple[Tensor, Metrics]:
    """Return the loss that raises the temperature while the policy's entropy is below its target, and metrics."""
    loss = networks.temperature(params) * (entropy - definition.target_entropy)
    return loss, {"temperature_loss": loss.detach()}


def toggle_penalty(obs: Observation, index: Tensor, head: Discrete, config: AgentConfig) -> Tensor:
    """Return minus the penalty where a head's value changes its position; those between never do. Shapes: (B,)."""
    first, last = index == 0, index == len(head.values) - 1
    effective = first | last
    if head.position is not None:
        at_last = obs[head.position.name][:, head.position.index] > config.position_threshold
        effective = torch.where(at_last, first, last)
    return -config.toggle_penalty * effective


def discrete_targets(
    params: Params, targets: Params, z_next: Tensor, z_next_target: Tensor, batch: Batch, definition: AgentDefinition
) -> list[Tensor]:
    """Return each head's target y_d (B,): double DQN, with the penalty that the other critics never see."""
    aims = []
    for head, axis in definition.heads:
        best = networks.discrete(params, head, z_next, definition.config).argmax(-1)
        q = networks.discrete(targets, head, z_next_target, definition.config)
        index = discrete_index(batch.action, head, axis)
        reward = batch.reward + toggle_penalty(batch.obs, index, head, definition.config)
        aims.append(bootstrapped(reward, _chosen(q, best), batch))
    return aims


def discrete_loss(
    params: Params, z: Tensor, batch: Batch, targets: list[Tensor], margin_weight: Tensor, definition: AgentDefinition
) -> tuple[Tensor, Metrics]:
    """Return the sum of the heads' losses, and the metrics' means over the heads."""
    config = definition.config
    rows = [
        _head_loss(
            networks.discrete(params, head, z, config),
            discrete_index(batch.action, head, axis),
            batch,
            target,
            margin_weight,
            config.discrete_margin,
        )
        for (head, axis), target in zip(definition.heads, targets, strict=True)
    ]
    losses, q, agreement = (torch.stack(column) for column in zip(*rows, strict=True))
    metrics = {"discrete_loss": losses.mean(), "discrete_q": q.mean(), "discrete_agreement": agreement.mean()}
    return losses.sum(), {name: value.detach() for name, value in metrics.items()}


def _head_loss(
    q: Tensor, index: Tensor, batch: Batch, target: Tensor, margin_weight: Tensor, margin: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return TD error plus the margin by which the imitated value should lead (DQfD), mean Q, and agreement.

    Shapes: q (B, values), index and target (B,).
    """
    chosen = _chosen(q, index)
    loss = (chosen - target).square().mean()
    if margin > 0:
        others = functional.one_hot(index, q.shape[1]) == 0
        competitor = (q + margin * others).amax(-1)
        loss = loss + margin_weight * _mean_imitated(competitor - chosen, batch)
    return loss, chosen.mean(), _mean_imitated(q.argmax(-1) == index, batch)


def imitation_loss(params: Params, batch: Batch, definition: AgentDefinition) -> tuple[Tensor, Metrics]:
    """Return the loss of behaviour cloning on the imitated samples, and metrics; for all of the policy's parameters."""
    errors, metrics = cloning_errors(params, networks.embed(params, batch.obs, definition), batch, definition)
    loss = _mean_imitated(errors, batch)
    return loss, {"imitation_loss": loss.detach(), **metrics}


def cloning_errors(params: Params, z: Tensor, batch: Batch, definition: AgentDefinition) -> tuple[Tensor, Metrics]:
    """Return |tanh(mean) - a|^2 and the heads' cross entropies, summed (B,), and metrics of the imitated samples."""
    mean, _ = networks.actor(params, z, definition.config)
    errors = (torch.tanh(mean) - continuous_action(batch.action, definition)).square().sum(-1)
    metrics, agreement = {"cloning_error": _mean_imitated(errors, batch).detach()}, []
    for head, axis in definition.heads:
        logits, index = networks.discrete(params, head, z, definition.config), discrete_index(batch.action, head, axis)
        errors = errors + functional.cross_entropy(logits, index, reduction="none")
        agreement.append(_mean_imitated(logits.argmax(-1) == index, batch))
    return errors, metrics | ({"discrete_agreement": torch.stack(agreement).mean()} if agreement else {})


def _chosen(q: Tensor, index: Tensor) -> Tensor:
    """Return each row's value at its index. Shapes: (B, values), (B,) -> (B,)."""
    return q.gather(1, index[:, None])[:, 0]


def _mean_imitated(values: Tensor, batch: Batch) -> Tensor:
    """Return the mean over the imitated samples, 0 without any. Shapes: values (B,)."""
    mean: Tensor = (batch.imitated * values).sum() / batch.imitated.sum().clamp(min=1.0)
    return mean
