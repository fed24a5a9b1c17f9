"""Losses as pure functions; all randomness is in the `UpdateInputs`.

    y        = r + discount (1 - terminated) [min over a random subset of Q'_e(z', a') - temperature log pi(a'|z')]
               with a reference: V + s (R - V), V the bracket, R = min over the same subset of Q'_e(z', reference's a'),
               s = sigmoid((R - V) / reference temperature), the reference's chance in acting
    critic   = sum_e mean_B (Q_e(z, a) - y)^2 + weight gap_e                            (RLPD, eq. 1; Cal-QL, eq. 5)
    gap_e    = mean_B [log sum_j exp(q_j) - Q_e(z, a)],   q_j = max(Q_e(z, a_j), outcome) - log pi(a_j|z)  of the policy
                                                          q_j = Q_e(z, u_j) + A log 2                   of uniform u_j
    actor    = mean_B [temperature log pi(a~|z) - mean_e Q_e(z, a~)] + w mean_imitated |tanh(mean) - a|^2
    temper.  = temperature mean_B [-log pi(a~|z) - target entropy]
    discrete = mean_B (D(z)[d] - y_d)^2,  y_d = r + penalty + discount (1 - terminated) D'(z')[argmax D(z')]
    imitation = mean_imitated |tanh(mean) - a|^2 + sum over heads of mean_imitated cross entropy(softmax D(z), d)

The last one stands alone: with `objective` imitation it trains embedding, actor and heads, whose outputs are logits
then, and the others are not used. A reward reaches nothing that acts. A margin would do no less for the heads, but what
it is worth depends on the scale of Q, which nothing fixes without a TD error; cross entropy has none to choose.
With `bc_filter` a sample is imitated while its outcome is at least mean_e Q_e(z, tanh(mean)): that of the policy.
z carries gradients in the critic's loss and in that of imitation only. A truncated step is not terminated: it
bootstraps. With a horizon, r is the discounted reward of h steps, discount its h-th power, z' the embedding of the
frame after them.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.ensemble import Metrics
from robot_rl.agents.jax.networks import Observation, Params
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.core.action_layout import Discrete
from robot_rl.data.batch import Batch


class Embedding(NamedTuple):
    """A batch of observations, embedded."""

    z: jax.Array  # (B, Z)
    critic_entry: jax.Array  # (E, B, H)


def continuous_action(action: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the continuous parts of the first action, or of a whole chunk. Shapes: (B, A) or (B, H, A) -> (B, C)."""
    return decided(action, definition)[..., definition.layout.continuous_indices].reshape(len(action), -1)


def judged_action(action: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return what the critics judge of the first action, or of a whole chunk. Shapes: (B, A) or (B, H, A) -> (B, J)."""
    return decided(action, definition)[..., definition.judged_indices].reshape(len(action), -1)


def decided(action: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the actions of one decision. Shapes: (B, A) or (B, H, A) -> (B, A), with chunks (B, H, A)."""
    return action if definition.config.chunk > 1 else first_action(action)


def first_action(action: jax.Array) -> jax.Array:
    """Return the action at the observation. Shapes: (B, A) or (B, H, A) -> (B, A)."""
    return action[:, 0] if action.ndim == 3 else action


def discrete_index(action: jax.Array, head: Discrete, axis: int) -> jax.Array:
    """Return the index of a head's value in the first action, as `Discrete.index`. Shapes: (B, A) -> (B,)."""
    level = first_action(action)[:, axis]
    above = [level > limit if limit >= 0 else level >= limit for limit in head.thresholds]
    return jnp.stack(above).sum(0)


def critic_target(
    params: Params,
    targets: Params,
    z_next: jax.Array,
    z_next_target: jax.Array,
    batch: Batch,
    plan: UpdateInputs,
    config: AgentConfig,
) -> jax.Array:
    """Return the critics' target y (B,)."""
    mean, std = networks.actor(params, z_next, config)
    action, log_prob = networks.squash(mean, std, plan.next_noise)
    critic = translation(config.critic, "jax")
    value = critic.target_value(targets, z_next_target, action, plan, config)
    if config.backup_entropy:
        value = value - networks.temperature(params) * log_prob
    if plan.next_reference.shape[-1]:
        lead = critic.target_value(targets, z_next_target, plan.next_reference, plan, config) - value
        value = value + jax.nn.sigmoid(lead / config.reference_temperature) * lead
    return bootstrapped(batch.reward, value, batch)


def bootstrapped(reward: jax.Array, value: jax.Array, batch: Batch) -> jax.Array:
    """Return reward + discount (1 - terminated) value (B,)."""
    target: jax.Array = reward + batch.discount * (1.0 - batch.terminated) * value
    return target


def critic_loss(
    params: Params, batch: Batch, target: jax.Array, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[jax.Array, tuple[Embedding, Metrics]]:
    """Return the critics' loss, the observation's embedding, and metrics."""
    z = networks.embed(params, batch.obs, definition)
    critic, action = translation(definition.config.critic, "jax"), judged_action(batch.action, definition)
    entry = critic.entry(params, z)
    loss, metrics = critic.loss(params, entry, action, target, definition.config)
    if definition.config.conservative_weight:
        gap = partial(conservative_gap, params, Embedding(z, entry), batch, plan, definition)
        gaps = jax.lax.cond(plan.conservative_weight > 0.0, gap, lambda: jnp.zeros(definition.config.num_critics))
        loss, metrics = loss + plan.conservative_weight * gaps.sum(), {**metrics, "conservative_gap": gaps.mean()}
    return loss, (Embedding(z, entry), metrics)


def conservative_gap(
    params: Params, embedding: Embedding, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> jax.Array:
    """Return by how much each critic values other actions above those of the batch (E,)."""
    config, (normal, uniform) = definition.config, plan.conservative_noise
    mean, std = networks.actor(params, jax.lax.stop_gradient(embedding.z), config)
    own, log_prob = networks.squash(mean, std, normal)  # (N, B, A), (N, B)
    critic = translation(config.critic, "jax")

    def values(action: jax.Array) -> jax.Array:
        return critic.values(params, embedding.critic_entry, action, config)  # (E, B)

    calibrated = jnp.maximum(jax.vmap(values)(own), batch.outcome) - log_prob[:, None]
    others = jax.vmap(values)(uniform) + definition.continuous_dim * networks.LOG_2
    highest = jax.nn.logsumexp(jnp.concatenate([calibrated, others]), axis=0)
    return (highest - values(continuous_action(batch.action, definition))).mean(1)


def actor_loss(
    params: Params, embedding: Embedding, batch: Batch, plan: UpdateInputs, definition: AgentDefinition
) -> tuple[jax.Array, Metrics]:
    """Return the actor's loss, and metrics; for the actor's parameters only."""
    mean, std = networks.actor(params, embedding.z, definition.config)
    action, log_prob = networks.squash(mean, std, plan.noise)
    critic = translation(definition.config.critic, "jax")
    q = critic.actor_value(params, embedding.critic_entry, action, definition.config)
    error = jnp.square(jnp.tanh(mean) - continuous_action(batch.action, definition)).sum(-1)
    cloning = _mean_imitated(error, batch)
    loss = (networks.temperature(params) * log_prob - q).mean() + plan.bc_weight * cloning
    return loss, {"actor_loss": loss, "entropy": -log_prob.mean(), "cloning_error": cloning, "policy_std": std.mean()}


def only_better(params: Params, embedding: Embedding, batch: Batch, definition: AgentDefinition) -> Batch:
    """Return the batch without the imitated samples whose outcome the policy at hand should surpass."""
    mean, _ = networks.actor(params, embedding.z, definition.config)
    critic = translation(definition.config.critic, "jax")
    own = critic.actor_value(params, embedding.critic_entry, jnp.tanh(mean), definition.config)
    return batch._replace(imitated=batch.imitated * (batch.outcome >= own))


def temperature_loss(params: Params, entropy: jax.Array, definition: AgentDefinition) -> tuple[jax.Array, Metrics]:
    """Return the loss that raises the temperature while the policy's entropy is below its target, and metrics."""
    loss = networks.temperature(params) * (entropy - definition.target_entropy)
    return loss, {"temperature_loss": loss}


def toggle_penalty(obs: Observation, index: jax.Array, head: Discrete, config: AgentConfig) -> jax.Array:
    """Return minus the penalty where a head's value changes its position; those between never do. Shapes: (B,)."""
    first, last = index == 0, index == len(head.values) - 1
    effective = first | last
    if head.position is not None:
        at_last = obs[head.position.name][:, head.position.index] > config.position_threshold
        effective = jnp.where(at_last, first, last)
    return -config.toggle_penalty * effective


def discrete_targets(
    params: Params,
    targets: Params,
    z_next: jax.Array,
    z_next_target: jax.Array,
    batch: Batch,
    definition: AgentDefinition,
) -> jax.Array:
    """Return each head's target y_d (D, B): double DQN, with the penalty that the other critics never see."""
    values = []
    for head, axis in definition.heads:
        best = networks.discrete(params, head, z_next, definition.config).argmax(-1)
        q = networks.discrete(targets, head, z_next_target, definition.config)
        value = jnp.take_along_axis(q, best[:, None], axis=1)[:, 0]
        index = discrete_index(batch.action, head, axis)
        reward = batch.reward + toggle_penalty(batch.obs, index, head, definition.config)
        values.append(bootstrapped(reward, value, batch))
    return jnp.stack(values)


def discrete_loss(
    params: Params,
    z: jax.Array,
    batch: Batch,
    targets: jax.Array,
    margin_weight: jax.Array,
    definition: AgentDefinition,
) -> tuple[jax.Array, Metrics]:
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
    losses = jnp.stack([loss for loss, _, _ in rows])
    q, agreement = (jnp.stack(column).mean() for column in list(zip(*rows, strict=True))[1:])
    return losses.sum(), {"discrete_loss": losses.mean(), "discrete_q": q, "discrete_agreement": agreement}


def _head_loss(
    q: jax.Array, index: jax.Array, batch: Batch, target: jax.Array, margin_weight: jax.Array, margin: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return TD error plus the margin by which the imitated value should lead (DQfD), mean Q, and agreement.

    Shapes: q (B, values), index and target (B,).
    """
    chosen = jnp.take_along_axis(q, index[:, None], axis=1)[:, 0]
    loss = jnp.square(chosen - target).mean()
    if margin > 0:
        competitor = (q + margin * (jnp.arange(q.shape[1]) != index[:, None])).max(-1)
        loss = loss + margin_weight * _mean_imitated(competitor - chosen, batch)
    return loss, chosen.mean(), _mean_imitated(q.argmax(-1) == index, batch)


def imitation_loss(params: Params, batch: Batch, definition: AgentDefinition) -> tuple[jax.Array, Metrics]:
    """Return the loss of behaviour cloning on the imitated samples, and metrics; for all of the policy's parameters."""
    errors, metrics = cloning_errors(params, networks.embed(params, batch.obs, definition), batch, definition)
    loss = _mean_imitated(errors, batch)
    return loss, {"imitation_loss": loss, **metrics}


def cloning_errors(
    params: Params, z: jax.Array, batch: Batch, definition: AgentDefinition
) -> tuple[jax.Array, Metrics]:
    """Return |tanh(mean) - a|^2 and the heads' cross entropies, summed (B,), and metrics of the imitated samples."""
    mean, _ = networks.actor(params, z, definition.config)
    errors = jnp.square(jnp.tanh(mean) - continuous_action(batch.action, definition)).sum(-1)
    metrics, agreement = {"cloning_error": _mean_imitated(errors, batch)}, []
    for head, axis in definition.heads:
        logits, index = networks.discrete(params, head, z, definition.config), discrete_index(batch.action, head, axis)
        errors = errors + optax.softmax_cross_entropy_with_integer_labels(logits, index)
        agreement.append(_mean_imitated(logits.argmax(-1) == index, batch))
    return errors, metrics | ({"discrete_agreement": jnp.stack(agreement).mean()} if agreement else {})


def _mean_imitated(values: jax.Array, batch: Batch) -> jax.Array:
    """Return the mean over the imitated samples, 0 without any. Shapes: values (B,)."""
    return (batch.imitated * values).sum() / jnp.maximum(batch.imitated.sum(), 1.0)
