"""The agent's networks as pure functions of a flat dictionary of parameters.

Axis letters: B batch, E ensemble, Z embedding, A continuous action. A layer whose parameters carry a leading axis E is
E layers at once: one batched product, no loop over critics.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.encoder import apply_encoder

Params = Mapping[str, jax.Array]
Observation = Mapping[str, jax.Array]

NORM_EPSILON = 1e-6
LOG_2 = 0.6931471805599453
LOG_2_PI = 1.8378770664093453


def dense(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Return x W + b. Shapes: x (B, I) or (E, B, I); kernel (I, O) or (E, I, O); returns (B, O) or (E, B, O)."""
    return jnp.matmul(x, params[f"{name}/kernel"]) + params[f"{name}/bias"][..., None, :]


def layer_norm(params: Params, name: str, x: jax.Array) -> jax.Array:
    """Return (x - mean) / sqrt(variance + 1e-6), scaled and shifted, over the last axis."""
    centred = x - x.mean(-1, keepdims=True)
    inverse_std = jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + NORM_EPSILON)
    scale, bias = params[f"{name}/norm_scale"][..., None, :], params[f"{name}/norm_bias"][..., None, :]
    return centred * inverse_std * scale + bias


def mlp(params: Params, name: str, x: jax.Array, config: AgentConfig) -> jax.Array:
    """Return the hidden layers' output: Dense, LayerNorm, activation each."""
    activation = jnp.tanh if config.activation == "tanh" else jax.nn.relu
    for i in range(len(config.hidden)):
        x = activation(layer_norm(params, f"{name}/dense{i}", dense(params, f"{name}/dense{i}", x)))
    return x


def trunk(params: Params, obs: Observation, definition: AgentDefinition) -> dict[str, jax.Array]:
    """Return the observation with pictures (B, H, W, 3) turned into features (B, F), the rest as float32."""
    encoded = {name: obs[name].astype(jnp.float32) for name in definition.observation if obs[name].ndim == 2}
    for name in definition.pictures:
        encoded[name] = apply_encoder(params, obs[name], definition.config.trunk, f"trunk/{name}")
    return encoded


def project(params: Params, features: Observation, definition: AgentDefinition) -> jax.Array:
    """Return the embedding z (B, Z) of all entries."""
    names = [f"projection/{name}" for name in definition.observation]
    inputs = [features[name] for name in definition.observation]
    parts = [layer_norm(params, name, dense(params, name, x)) for name, x in zip(names, inputs, strict=True)]
    return jnp.tanh(jnp.concatenate(parts, axis=-1))


def actor(params: Params, z: jax.Array, config: AgentConfig) -> tuple[jax.Array, jax.Array]:
    """Return mean and standard deviation (B, A) of the Gaussian before the tanh."""
    hidden = mlp(params, "actor", z, config)
    std = jnp.exp(dense(params, "actor/log_std", hidden))
    return dense(params, "actor/mean", hidden), jnp.clip(std, config.std_min, config.std_max)


def squash(mean: jax.Array, std: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the action tanh(u), u = mean + std noise, and its log density.

    log pi = sum_i log N(u_i) - log(1 - tanh^2 u_i),   log(1 - tanh^2 u) = 2 (log 2 - u - softplus(-2 u))

    Shapes: all (B, A); returns (B, A) and (B,).
    """
    u = mean + std * noise
    log_normal = -0.5 * jnp.square(noise) - jnp.log(std) - 0.5 * LOG_2_PI
    log_slope = 2.0 * (LOG_2 - u - jax.nn.softplus(-2.0 * u))
    return jnp.tanh(u), (log_normal - log_slope).sum(-1)


def critic(params: Params, z: jax.Array, action: jax.Array, config: AgentConfig) -> jax.Array:
    """Return Q (E, B) of the embedding (B, Z) and the continuous action (B, A)."""
    hidden = mlp(params, "critic", jnp.concatenate([z, action], axis=-1), config)
    return dense(params, "critic/out", hidden)[..., 0]


def gripper(params: Params, z: jax.Array, config: AgentConfig) -> jax.Array:
    """Return the gripper's Q (B, 3) of close, hold, open."""
    return dense(params, "gripper/out", mlp(params, "gripper", z, config))


def temperature(params: Params) -> jax.Array:
    """Return the entropy temperature, softplus(raw) > 0."""
    return jax.nn.softplus(params["temperature/raw"])
