"""Losses of implicit Q-learning (Kostrikov et al. 2021): no action is judged that the data do not hold.

    q      = min over a random subset of Q'_e(z', a),   u = q - V(z)
    value  = mean_B |expectile - 1(u < 0)| u^2                                                  (eq. 5)
    critic = sum_e mean_B (Q_e(z, a) - y)^2,   y = r + discount (1 - terminated) V(z_next)      (eq. 6)
    policy = mean_B min(exp(scale u), 100) (|tanh(mean) - a|^2 + heads' cross entropies)        (eq. 7)

The last is the log-likelihood of a Gaussian of fixed width around tanh(mean): actions at the bound of the tanh have no
likelihood under the policy that explores. All of the policy's z come without gradient, as in `losses`.
"""

import jax
import jax.numpy as jnp

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import losses, networks
from robot_rl.agents.jax.ensemble import Metrics
from robot_rl.agents.jax.networks import Params
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.data.batch import Batch

WEIGHT_MAX = 100.0


def value(params: Params, z: jax.Array, config: AgentConfig) -> jax.Array:
    """Return V (B,)."""
    return networks.dense(params, "value/out", networks.mlp(params, "value", z, config))[:, 0]


def critic_target(params: Params, batch: Batch, definition: AgentDefinition) -> jax.Array:
    """Return the critics' target y (B,)."""
    z_next = networks.embed(params, batch.next_obs, definition)
    return losses.bootstrapped(batch.reward, value(params, z_next, definition.config), batch)


def executed_value(targets: Params, batch: Batch, plan: UpdateInputs, definition: AgentDefinition) -> jax.Array:
    """Return q (B,), the target critics' value of the action that was executed."""
    z, action = networks.embed(targets, batch.obs, definition), losses.judged_action(batch.action, definition)
    return translation(definition.config.critic, "jax").target_value(targets, z, action, plan, definition.config)


def value_loss(params: Params, z: jax.Array, q: jax.Array, config: AgentConfig) -> tuple[jax.Array, Metrics]:
    """Return the loss of V, and metrics."""
    v = value(params, z, config)
    u = q - v
    loss = (jnp.where(u < 0.0, 1.0 - config.expectile, config.expectile) * jnp.square(u)).mean()
    return loss, {"value_loss": loss, "value": v.mean()}


def advantage_weights(params: Params, z: jax.Array, q: jax.Array, config: AgentConfig) -> jax.Array:
    """Return each sample's weight in the policy's loss (B,)."""
    advantage = q - value(params, z, config)
    return jnp.minimum(jnp.exp(config.advantage_scale * advantage), WEIGHT_MAX)


def policy_loss(
    params: Params, z: jax.Array, batch: Batch, weights: jax.Array, definition: AgentDefinition
) -> tuple[jax.Array, Metrics]:
    """Return the loss of actor and heads, and metrics."""
    errors, metrics = losses.cloning_errors(params, z, batch, definition)
    loss = (weights * errors).mean()
    return loss, {"policy_loss": loss, "advantage_weight": weights.mean(), **metrics}
