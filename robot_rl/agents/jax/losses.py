"""The losses as pure functions; all randomness comes in with the `UpdateInputs`.

    y        = r + discount (1 - terminated) [min over a random subset of Q'_e(z', a') - temperature log pi(a'|z')]
    critic   = sum_e mean_B (Q_e(z, a) - y)^2                                          (RLPD, eq. 1)
    actor    = mean_B [temperature log pi(a~|z) - mean_e Q_e(z, a~)] + w mean_human |tanh(mean) - a|^2
    temper.  = temperature mean_B [-log pi(a~|z) - target entropy]
    gripper  = mean_B (G(z)[g] - y_g)^2,  y_g = r + penalty + discount (1 - terminated) G'(z')[argmax G(z')]

z carries gradients in the critic's loss only. A truncated step is not terminated: it bootstraps. With a horizon, r is
the discounted reward of h steps, discount its h-th power, z' the embedding of the frame after them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import GRIPPER_THRESHOLD, AgentDefinition
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.networks import Observation, Params
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.data.batch import Batch

Metrics = dict[str, jax.Array]


class Embedding(NamedTuple):
    """A batch of observations as the networks see them."""

    z: jax.Array  # (B, Z)
    critic_entry: jax.Array  # (E, B, H)


def continuous_action(action: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the Gaussian's part of the first action. Shapes: (B, A + gripper) or (B, H, A + gripper) -> (B, A)."""
    return first_action(action)[:, : definition.continuous_dim]


def first_action(action: jax.Array) -> jax.Array:
    """Return the action at the observation. Shapes: (B, A) or (B, H, A) -> (B, A)."""
    return action[:, 0] if action.ndim == 3 else action


def gripper_choice(action: jax.Array) -> jax.Array:
    """Return the gripper's choice 0 close, 1 hold, 2 open of the first action. Shapes: (B, A + 1) -> (B,)."""
    command = first_action(action)[:, -1]
    return 1 + (command > GRIPPER_THRESHOLD).astype(jnp.int32) - (command < -GRIPPER_THRESHOLD).astype(jnp.int32)


def select_critics(targets: Params, subset: jax.Array) -> Params:
    """Return the target parameters with only the drawn critics, so that the others cost nothing."""
    return {name: value[subset] if name.startswith("critic/") else value for name, value in targets.items()}


def critic_target(
    params: Params,
    targets: Params,
    z_next: jax.Array,
    z_next_target: jax.Array,
    batch: Batch,
    plan: UpdateInputs,
    config: AgentConfig,
) -> jax.Array:
    """Return the value y (B,) that the critics should give."""
    mean, std = networks.actor(params, z_next, config)
    action, log_prob = networks.squash(mean, std, plan.next_noise)
    drawn = select_critics(targets, plan.subset)
    value = networks.critic(drawn, networks.critic_entry(drawn, z_next_target), action, config).min(0)
    if config.backup_entropy:
        value = value - networks.temperature(params) * log_prob
    return batch.reward + batch.discount * (1.0 - batch.terminated) * value


def critic_loss(
    params: Params, batch: Batch, target: jax.Array, definition: AgentDefinition
) -> tuple[jax.Array, tuple[Embedding, Metrics]]:
    """Return the critics' loss, the observation's embedding, and metrics."""
    z = networks.project(params, networks.trunk(params, batch.obs, definition), definition)
    entry = networks.critic_entry(params, z)
    q = networks.critic(params, entry, continuous_action(batch.action, definition), definition.config)
    squared = jnp.square(q - target).mean(1)  # (E,)
    metrics = {"critic_loss": squared.mean(), "q": q.mean(), "q_spread": q.std(0).mean()}
    return squared.sum(), (Embedding(z, entry), metrics)


def actor_loss(
    params: Params,
    embedding: Embedding,
    batch: Batch,
    plan: UpdateInputs,
    definition: AgentDefinition,
) -> tuple[jax.Array, Metrics]:
    """Return the actor's loss, and metrics; it is meant for the actor's parameters only."""
    mean, std = networks.actor(params, embedding.z, definition.config)
    action, log_prob = networks.squash(mean, std, plan.noise)
    q = networks.critic(params, embedding.critic_entry, action, definition.config).mean(0)
    error = jnp.square(jnp.tanh(mean) - continuous_action(batch.action, definition)).sum(-1)
    cloning = (batch.human * error).sum() / jnp.maximum(batch.human.sum(), 1.0)
    loss = (networks.temperature(params) * log_prob - q).mean() + plan.bc_weight * cloning
    return loss, {"actor_loss": loss, "entropy": -log_prob.mean(), "cloning_error": cloning, "policy_std": std.mean()}


def temperature_loss(params: Params, entropy: jax.Array, definition: AgentDefinition) -> tuple[jax.Array, Metrics]:
    """Return the loss that raises the temperature while the policy's entropy is below its target, and metrics."""
    loss = networks.temperature(params) * (entropy - definition.target_entropy)
    return loss, {"temperature_loss": loss}


def toggle_penalty(obs: Observation, choice: jax.Array, config: AgentConfig) -> jax.Array:
    """Return minus the penalty where a close or open changes the gripper. Shapes: choice (B,); returns (B,)."""
    effective = choice != 1
    if config.gripper_state_index is not None:
        is_open = obs["state"][:, config.gripper_state_index] > config.gripper_open_above
        effective = jnp.where(is_open, choice == 0, choice == 2)
    return -config.gripper_penalty * effective


def gripper_target(
    params: Params, targets: Params, z_next: jax.Array, z_next_target: jax.Array, batch: Batch, config: AgentConfig
) -> jax.Array:
    """Return the gripper's target y_g (B,): double DQN, with the penalty that the other critics never see."""
    best = networks.gripper(params, z_next, config).argmax(-1)
    value = jnp.take_along_axis(networks.gripper(targets, z_next_target, config), best[:, None], axis=1)[:, 0]
    reward = batch.reward + toggle_penalty(batch.obs, gripper_choice(batch.action), config)
    return reward + batch.discount * (1.0 - batch.terminated) * value


def gripper_loss(
    params: Params, z: jax.Array, batch: Batch, target: jax.Array, margin_weight: jax.Array, config: AgentConfig
) -> tuple[jax.Array, Metrics]:
    """Return the gripper critic's loss: TD error, and the margin by which the human's choice should lead (DQfD)."""
    choice = gripper_choice(batch.action)
    q = networks.gripper(params, z, config)  # (B, 3)
    chosen = jnp.take_along_axis(q, choice[:, None], axis=1)[:, 0]
    loss = jnp.square(chosen - target).mean()
    if config.gripper_margin > 0:
        rival = (q + config.gripper_margin * (jnp.arange(3) != choice[:, None])).max(-1)
        loss = loss + margin_weight * (batch.human * (rival - chosen)).sum() / jnp.maximum(batch.human.sum(), 1.0)
    agreement = (batch.human * (q.argmax(-1) == choice)).sum() / jnp.maximum(batch.human.sum(), 1.0)
    return loss, {"gripper_loss": loss, "gripper_q": chosen.mean(), "gripper_agreement": agreement}
