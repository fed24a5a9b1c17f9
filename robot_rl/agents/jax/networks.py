"""The agent's networks as pure functions of a flat dictionary of parameters.

Axis letters: B batch, E ensemble, Z embedding, A continuous action. A layer whose parameters carry a leading axis E is
E layers in one batched product.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.hidden_units import hidden_units
from robot_rl.agents.jax.precision import product
from robot_rl.core.action_layout import Discrete
from robot_rl.vision.jax_encoder import apply_encoder

Params = Mapping[str, jax.Array]
Observation = Mapping[str, jax.Array]

LOG_2 = 0.6931471805599453
LOG_2_PI = 1.8378770664093453


def dense(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Return x W + b. Shapes: x (B, I) or (E, B, I); kernel (I, O) or (E, I, O); returns (B, O) or (E, B, O)."""
    return product(x, params[f"{name}/kernel"]) + params[f"{name}/bias"][..., None, :]


def mlp(params: Params, name: str, x: jax.Array, config: AgentConfig) -> jax.Array:
    """Return the output of the hidden layers: Dense, LayerNorm, activation each."""
    return mlp_from_entry(params, name, product(x, params[f"{name}/dense0/kernel"]), config)


def mlp_from_entry(params: Params, name: str, x: jax.Array, config: AgentConfig) -> jax.Array:
    """Return the output of the hidden layers, given the product of the first kernel and its input."""
    depth = len(config.discrete_hidden if name.startswith("discrete/") else config.hidden)
    for i in range(depth):
        x = product(x, params[f"{name}/dense{i}/kernel"]) if i else x
        scale, bias = params[f"{name}/dense{i}/norm_scale"], params[f"{name}/dense{i}/norm_bias"]
        x = hidden_units(x, scale[..., None, :], bias[..., None, :], config.activation)
    return x


def trunk(params: Params, obs: Observation, definition: AgentDefinition) -> dict[str, jax.Array]:
    """Return the observation with images (B, H, W, 3) turned into features (B, F), the rest as float32."""
    encoded = {name: obs[name].astype(jnp.float32) for name in definition.observation if obs[name].ndim == 2}
    for name in definition.images:
        encoded[name] = apply_encoder(params, obs[name], definition.config.trunk, f"trunk/{name}")
    return encoded


def embed(params: Params, obs: Observation, definition: AgentDefinition) -> jax.Array:
    """Return the embedding z (B, Z) of an observation."""
    return project(params, trunk(params, obs, definition), definition)


def project(params: Params, features: Observation, definition: AgentDefinition) -> jax.Array:
    """Return the embedding z (B, Z) of all entries."""
    names = [f"projection/{name}" for name in definition.observation]
    inputs = [features[name] for name in definition.observation]
    # Stacked (B, entries, P), so that all entries pass one LayerNorm.
    x = jnp.stack([product(x, params[f"{name}/kernel"]) for name, x in zip(names, inputs, strict=True)], axis=1)
    scale, bias = (jnp.stack([params[f"{name}/{part}"] for name in names]) for part in ("norm_scale", "norm_bias"))
    return hidden_units(x, scale[None], bias[None], "tanh").reshape(len(x), -1)


def actor(params: Params, z: jax.Array, config: AgentConfig) -> tuple[jax.Array, jax.Array]:
    """Return mean and standard deviation (B, A) of the Gaussian before the tanh."""
    mean, log_std = jnp.split(dense(params, "actor/out", mlp(params, "actor", z, config)), 2, axis=-1)
    return mean, jnp.clip(jnp.exp(config.initial_log_std + log_std), config.std_min, config.std_max)


def squash(mean: jax.Array, std: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the action tanh(u), u = mean + std noise, and its log density.

    log pi = sum_i log N(u_i) - log(1 - tanh^2 u_i),   log(1 - tanh^2 u) = 2 (log 2 - u - softplus(-2 u))

    Shapes: all (B, A); returns (B, A) and (B,).
    """
    u = mean + std * noise
    log_normal = -0.5 * jnp.square(noise) - jnp.log(std) - 0.5 * LOG_2_PI
    log_slope = 2.0 * (LOG_2 - u - jax.nn.softplus(-2.0 * u))
    return jnp.tanh(u), (log_normal - log_slope).sum(-1)


def discrete(params: Params, head: Discrete, z: jax.Array, config: AgentConfig) -> jax.Array:
    """Return Q (B, values) of a discrete head's values."""
    name = f"discrete/{head.name}"
    return dense(params, f"{name}/out", mlp(params, name, z, config))


def temperature(params: Params) -> jax.Array:
    """Return the entropy temperature, softplus(raw) > 0."""
    return jax.nn.softplus(params["temperature/raw"])
