"""The agent's networks as functions of a flat dictionary of parameters.

Axis letters: B batch, E ensemble, Z embedding, A continuous action. A layer whose parameters carry a leading axis E is
E layers in one batched product.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.torch.hidden_units import hidden_units
from robot_rl.agents.torch.precision import product
from robot_rl.core.action_layout import Discrete
from robot_rl.vision.torch_encoder import apply_encoder

Params = Mapping[str, Tensor]
Observation = Mapping[str, Tensor]

LOG_2 = 0.6931471805599453
LOG_2_PI = 1.8378770664093453


def dense(params: Params, name: str, x: Tensor) -> Tensor:
    """Return x W + b. Shapes: x (B, I) or (E, B, I); kernel (I, O) or (E, I, O); returns (B, O) or (E, B, O)."""
    return product(x, params[f"{name}/kernel"], params[f"{name}/bias"].unsqueeze(-2))


def mlp(params: Params, name: str, x: Tensor, config: AgentConfig) -> Tensor:
    """Return the output of the hidden layers: Dense, LayerNorm, activation each."""
    return mlp_from_entry(params, name, product(x, params[f"{name}/dense0/kernel"]), config)


def mlp_from_entry(params: Params, name: str, x: Tensor, config: AgentConfig) -> Tensor:
    """Return the output of the hidden layers, given the product of the first kernel and its input."""
    depth = len(config.discrete_hidden if name.startswith("discrete/") else config.hidden)
    for i in range(depth):
        x = product(x, params[f"{name}/dense{i}/kernel"]) if i else x
        x = normed(params, f"{name}/dense{i}", x, config.activation)
    return x


def normed(params: Params, name: str, x: Tensor, activation: str) -> Tensor:
    """Return the activation of a layer's LayerNorm."""
    return hidden_units(x, params[f"{name}/norm_scale"], params[f"{name}/norm_bias"], activation)


def trunk(params: Params, obs: Observation, definition: AgentDefinition) -> dict[str, Tensor]:
    """Return the observation with images (B, H, W, 3) turned into features (B, F), the rest as float32."""
    encoded = {name: obs[name].float() for name in definition.observation if obs[name].ndim == 2}
    for name in definition.images:
        encoded[name] = apply_encoder(params, obs[name], definition.config.trunk, f"trunk/{name}")
    return encoded


def embed(params: Params, obs: Observation, definition: AgentDefinition) -> Tensor:
    """Return the embedding z (B, Z) of an observation."""
    return project(params, trunk(params, obs, definition), definition)


def project(params: Params, features: Observation, definition: AgentDefinition) -> Tensor:
    """Return the embedding z (B, Z) of all entries."""
    parts = []
    for name in definition.observation:
        x = product(features[name], params[f"projection/{name}/kernel"])
        parts.append(normed(params, f"projection/{name}", x, "tanh"))
    return torch.cat(parts, dim=-1)


def actor(params: Params, z: Tensor, config: AgentConfig) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (B, A) of the Gaussian before the tanh."""
    mean, log_std = dense(params, "actor/out", mlp(params, "actor", z, config)).chunk(2, dim=-1)
    return mean, torch.exp(config.initial_log_std + log_std).clamp(config.std_min, config.std_max)


def squash(mean: Tensor, std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the action tanh(u), u = mean + std noise, and its log density.

    log pi = sum_i log N(u_i) - log(1 - tanh^2 u_i),   log(1 - tanh^2 u) = 2 (log 2 - u - softplus(-2 u))

    Shapes: all (B, A); returns (B, A) and (B,).
    """
    u = mean + std * noise
    log_normal = -0.5 * noise.square() - torch.log(std) - 0.5 * LOG_2_PI
    log_slope = 2.0 * (LOG_2 - u - functional.softplus(-2.0 * u))
    return torch.tanh(u), (log_normal - log_slope).sum(-1)


def discrete(params: Params, head: Discrete, z: Tensor, config: AgentConfig) -> Tensor:
    """Return Q (B, values) of a discrete head's values."""
    name = f"discrete/{head.name}"
    return dense(params, f"{name}/out", mlp(params, name, z, config))


def temperature(params: Params) -> Tensor:
    """Return the entropy temperature, softplus(raw) > 0."""
    return functional.softplus(params["temperature/raw"])
