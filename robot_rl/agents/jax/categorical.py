"""The categorical critics in JAX."""

import jax
import jax.numpy as jnp

from robot_rl.agents import categorical
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.ensemble import JaxEnsemble, Metrics
from robot_rl.agents.jax.networks import Params
from robot_rl.agents.jax.precision import product


class JaxCategorical(JaxEnsemble):
    """E critics: cross entropies summed, the minimum of a random subset in the target, the mean for the actor."""

    @staticmethod
    def logits(params: Params, entry: jax.Array, action: jax.Array, config: AgentConfig) -> jax.Array:
        """Return the logits (E, B, bins) of an embedding, as `entry` (E, B, H), and the action (B, A)."""
        entry = entry + product(action, params["critic/action/kernel"])
        out = networks.dense(params, "critic/out", networks.mlp_from_entry(params, "critic", entry, config))
        return out + categorical.first_logits(config)

    @staticmethod
    def values(params: Params, entry: jax.Array, action: jax.Array, config: AgentConfig) -> jax.Array:
        """Return the distributions' means Q (E, B)."""
        return jax.nn.softmax(JaxCategorical.logits(params, entry, action, config)) @ categorical.centres(config)

    @staticmethod
    def loss(
        params: Params, entry: jax.Array, action: jax.Array, target: jax.Array, config: AgentConfig
    ) -> tuple[jax.Array, Metrics]:
        """Return the sum of the critics' mean cross entropies, and metrics."""
        logits = JaxCategorical.logits(params, entry, action, config)
        entropy = -(target_mass(target, config) * jax.nn.log_softmax(logits)).sum(-1).mean(1)  # (E,)
        q = jax.nn.softmax(logits) @ categorical.centres(config)
        return entropy.sum(), {"critic_loss": entropy.mean(), "q": q.mean(), "q_spread": q.std(0).mean()}


def target_mass(target: jax.Array, config: AgentConfig) -> jax.Array:
    """Return a target's mass in each bin. Shapes: (B,) -> (B, bins)."""
    centre = jnp.clip(target, *config.value_range)[:, None]
    below = jax.scipy.special.ndtr((categorical.edges(config) - centre) / categorical.target_std(config))
    return jnp.diff(below) / (below[:, -1:] - below[:, :1])
