"""The policy in JAX: one compiled call from an encoded observation to an action."""

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.networks import Observation, Params
from robot_rl.agents.policy_inputs import LoadedPolicy


def policy_action(params: Params, obs: Observation, noise: jax.Array, definition: AgentDefinition) -> jax.Array:
    """Return the action of a single observation.

    Shapes: obs without a batch axis; noise (C + D,) as `policy_noise` makes it; returns (A,) float32.
    """
    config, dim = definition.config, definition.continuous_dim
    single = {name: value[None] for name, value in obs.items()}
    z = networks.embed(params, single, definition)
    mean, std = networks.actor(params, z, config)
    action = jnp.zeros(definition.layout.size, jnp.float32)
    action = action.at[definition.layout.continuous_indices].set(jnp.tanh(mean[0] + std[0] * noise[:dim]))
    for (head, axis), level in zip(definition.heads, noise[dim:], strict=True):
        best = jnp.asarray(head.levels)[networks.discrete(params, head, z, config)[0].argmax()]
        action = action.at[axis].set(jnp.where(jnp.isnan(level), best, level))
    return action


_act = jax.jit(policy_action, static_argnames="definition")


class JaxPolicy(LoadedPolicy):
    """The acting agent in JAX."""

    _to_array = staticmethod(jnp.array)

    def _act(self, params: Params, obs: Observation, noise: np.ndarray) -> np.ndarray:
        return np.array(_act(params, obs, noise, definition=self.definition))
