"""The ensemble of critics in JAX."""

import jax
import jax.numpy as jnp

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import CriticTranslation
from robot_rl.agents.jax import networks
from robot_rl.agents.jax.networks import Params
from robot_rl.agents.jax.precision import product
from robot_rl.agents.update_inputs import UpdateInputs

Metrics = dict[str, jax.Array]


class JaxEnsemble(CriticTranslation):
    """E critics: squared errors summed, the minimum of a random subset in the target, the mean for the actor."""

    @staticmethod
    def entry(params: Params, z: jax.Array) -> jax.Array:
        """Return z W (E, B, H), the embedding's share of the critics' first Dense: their main cost."""
        return product(z, params["critic/dense0/kernel"])

    @staticmethod
    def values(params: Params, entry: jax.Array, action: jax.Array, config: AgentConfig) -> jax.Array:
        """Return Q (E, B) of an embedding, as `entry` (E, B, H), and the action (B, A)."""
        entry = entry + product(action, params["critic/action/kernel"])
        return networks.dense(params, "critic/out", networks.mlp_from_entry(params, "critic", entry, config))[..., 0]

    @staticmethod
    def loss(
        params: Params, entry: jax.Array, action: jax.Array, target: jax.Array, config: AgentConfig
    ) -> tuple[jax.Array, Metrics]:
        """Return the sum of the critics' mean squared errors, and metrics."""
        q = JaxEnsemble.values(params, entry, action, config)
        squared = jnp.square(q - target).mean(1)  # (E,)
        return squared.sum(), {"critic_loss": squared.mean(), "q": q.mean(), "q_spread": q.std(0).mean()}

    @classmethod
    def target_value(
        cls, targets: Params, z: jax.Array, action: jax.Array, inputs: UpdateInputs, config: AgentConfig
    ) -> jax.Array:
        """Return the minimum over the drawn critics; the others cost nothing."""
        drawn = {name: value[inputs.subset] for name, value in targets.items() if name.startswith("critic/")}
        return cls.values(drawn, cls.entry(drawn, z), action, config).min(0)

    @classmethod
    def actor_value(cls, params: Params, entry: jax.Array, action: jax.Array, config: AgentConfig) -> jax.Array:
        """Return the mean over all critics."""
        return cls.values(params, entry, action, config).mean(0)
