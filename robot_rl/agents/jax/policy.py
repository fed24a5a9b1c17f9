"""The policy in JAX: one compiled call from an encoded observation to an action."""

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.critics import translation
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.networks import Observation, Params
from robot_rl.agents.policy_inputs import LoadedPolicy


def policy_action(params: Params, obs: Observation, noise: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the action of a single observation.

    Shapes: obs without a batch axis; noise (N C + D,) as `policy_noise` makes it; returns (A,) float32.
    """
    config, heads = definition.config, len(definition.heads)
    single = {name: value[None] for name, value in obs.items()}
    z = networks.embed(params, single, definition)
    mean, std = networks.actor(params, z, config)
    candidates = jnp.tanh(mean + std * noise[: len(noise) - heads].reshape(config.best_of, -1))
    action = jnp.zeros(definition.layout.size, jnp.float32)
    for (head, axis), level in zip(definition.heads, noise[len(noise) - heads :], strict=True):
        best = jnp.asarray(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action = action.at[axis].set(jnp.where(jnp.isnan(level), best, level))
    actions = jnp.tile(action, (config.best_of, 1)).at[:, definition.layout.continuous_indices].set(candidates)
    return best_action(params, z, actions, definition)


def best_action(params: Params, z: jax.Array, actions: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the action that the critics value most. Shapes: z (1, Z), actions (N, A); returns (A,)."""
    config = definition.config
    if len(actions) == 1:
        return actions[0]
    critic = translation(config.critic, "jax")
    entry = critic.entry(params, jnp.repeat(z, len(actions), axis=0))
    values = critic.values(params, entry, actions[:, definition.judged_indices], config)
    best: jax.Array = actions[(values.mean(0) if config.best_by == "mean" else values.min(0)).argmax()]
    return best


_act = jax.jit(policy_action, static_argnames="definition")


class JaxPolicy(LoadedPolicy):
    """The acting agent in JAX."""

    _to_array = staticmethod(jnp.array)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray) -> np.ndarray:
        return np.array(_act(params, obs, noise, definition=self.definition))
