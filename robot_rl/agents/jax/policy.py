"""The policy in JAX: one compiled call from an encoded observation to an action."""

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.networks import Observation, Params
from robot_rl.agents.policy_inputs import LoadedPolicy


def policy_action(
    params: Params, obs: Observation, noise: jax.Array, definition: AgentDefinition, proposal: jax.Array | None = None
) -> jax.Array:
    """Return the actions of the chunk that begins at a single observation: the policy's, or the reference's proposal.

    Shapes: obs without a batch axis; noise as `policy_noise` makes it; proposal (A,), returns (K, A) float32.
    """
    config, size = definition.config, definition.config.best_of * definition.continuous_dim
    single = {name: value[None] for name, value in obs.items()}
    z = networks.embed(params, single, definition)
    mean, std = networks.actor(params, z, config)
    candidates = jnp.tanh(mean + std * noise[:size].reshape(config.best_of, -1))
    action = jnp.zeros(definition.layout.size, jnp.float32)
    for (head, axis), level in zip(definition.heads, noise[size : size + len(definition.heads)], strict=True):
        best = jnp.asarray(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action = action.at[axis].set(jnp.where(jnp.isnan(level), best, level))
    motions = candidates.reshape(config.best_of, config.chunk, -1)
    actions = jnp.tile(action, (*motions.shape[:2], 1)).at[..., definition.layout.continuous_indices].set(motions)
    own = best_action(params, z, actions, definition)
    return own if proposal is None else preferred(params, z, own, proposal, noise[-1], definition)


def mean_actions(params: Params, obs: Observation, definition: AgentDefinition) -> jax.Array:
    """Return the continuous parts (B, C) of the actions without noise, of a batch of observations."""
    mean, _ = networks.actor(params, networks.embed(params, obs, definition), definition.config)
    return jnp.tanh(mean)


def best_action(params: Params, z: jax.Array, actions: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the chunk that the critics value most. Shapes: z (1, Z), actions (N, K, A); returns (K, A)."""
    config = definition.config
    if len(actions) == 1:
        return actions[0]
    values = action_values(params, z, actions, definition)
    best: jax.Array = actions[(values.mean(0) if config.best_by == "mean" else values.min(0)).argmax()]
    return best


def preferred(
    params: Params, z: jax.Array, own: jax.Array, proposal: jax.Array, chance: jax.Array, definition: AgentDefinition
) -> jax.Array:
    """Return the policy's action or the reference's, drawn by the softmax of the critics' lowest values.

    Shapes: z (1, Z), own and what it returns (1, A), proposal (A,), chance () in [0, 1].
    """
    values = action_values(params, z, jnp.stack([own, proposal[None]]), definition).min(0)
    share = jax.nn.sigmoid((values[1] - values[0]) / definition.config.reference_temperature)
    return jnp.where(chance < share, proposal, own)


def action_values(params: Params, z: jax.Array, actions: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the critics' values of chunks at one embedding. Shapes: z (1, Z), actions (N, K, A); returns (E, N)."""
    config = definition.config
    critic = translation(config.critic, "jax")
    entry = critic.entry(params, jnp.repeat(z, len(actions), axis=0))
    judged = actions[..., definition.judged_indices].reshape(len(actions), -1)
    values: jax.Array = critic.values(params, entry, judged, config)
    return values


_act = jax.jit(policy_action, static_argnames="definition")


_means = jax.jit(mean_actions, static_argnames="definition")


class JaxPolicy(LoadedPolicy):
    """The acting agent in JAX."""

    _to_array = staticmethod(jnp.array)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray, proposal: np.ndarray | None) -> np.ndarray:
        return np.array(_act(params, obs, noise, proposal=proposal, definition=self.definition))

    def _means(self, params: Params, obs: Observation) -> np.ndarray:
        return np.array(_means(params, obs, definition=self.definition))
