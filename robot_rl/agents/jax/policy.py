"""The policy in JAX: one compiled call from an encoded observation to an action."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.networks import Observation, Params
from robot_rl.agents.policy_inputs import policy_entry, policy_noise
from robot_rl.core.errors import SchemaMismatchError


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


class JaxPolicy:
    """The acting agent; the actor loads weights into it between two steps.

    Args:
        definition: of the agent; the learner's must have the same `schema_hash`.
    """

    def __init__(self, definition: AgentDefinition) -> None:
        self.definition = definition
        self.version = -1
        self._params: dict[str, jax.Array] | None = None

    def load(self, params: Mapping[str, np.ndarray], version: int) -> None:
        """Load weights; the next `act` uses them.

        Raises:
            ConfigError: weights of another definition.
        """
        self.definition.check_parameters(params, self.definition.policy_names())
        self._params = {name: jnp.array(value) for name, value in params.items()}
        self.version = version

    def act(self, obs: Mapping[str, np.ndarray], rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        """Return an action (A,) float32 in [-1, 1] for one encoded observation.

        Entries with variants may come whole (V, F): the clean one, variant 0, is used. Discrete heads give the level of
        one of their values.

        Raises:
            SchemaMismatchError: no weights loaded yet, a missing entry or another shape.
        """
        if self._params is None:
            raise SchemaMismatchError("policy weights: got none, expected a call of load; wait for the first weights.")
        clean = {name: policy_entry(obs, name, self.definition) for name in self.definition.observation}
        noise = policy_noise(self.definition, rng, deterministic)
        return np.array(_act(self._params, clean, noise, definition=self.definition))
