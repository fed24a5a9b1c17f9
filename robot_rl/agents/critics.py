"""Kinds of critics: their parameters here, their translation in each backend; one line each in `CRITICS`.

A critic is a class with `parameters` and `translations`, see `Critic`. Names of its parameters begin with `critic/`.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

from robot_rl.agents.config import CRITIC_GROUP, CRITICS, AgentConfig
from robot_rl.agents.layers import Named, ParameterSpec, dense, mlp
from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import resolve


class Critic(Protocol):
    """One kind of critic of embedding and action: its continuous parts, or with the objective iql all."""

    translations: Mapping[str, str]
    """Backend -> `module:Class` of its `CriticTranslation`."""

    @staticmethod
    def parameters(config: AgentConfig, embedding_dim: int, action_dim: int) -> Named:
        """Return names, shapes and first values of the parameters, in order; `action_dim` counts what is judged."""


class CriticTranslation(Protocol):
    """Functions of one kind of critic over a backend's arrays; B batch, Z embedding, A action.

    A critic is evaluated in two parts: `entry` of the embedding, equal for all actions that are judged at it, and the
    rest.
    """

    @staticmethod
    def entry(params: Any, z: Any) -> Any:
        """Return what the embedding (B, Z) contributes, whatever the action."""

    @staticmethod
    def values(params: Any, entry: Any, action: Any, config: AgentConfig) -> Any:
        """Return each critic's value (E, B)."""

    @staticmethod
    def loss(params: Any, entry: Any, action: Any, target: Any, config: AgentConfig) -> tuple[Any, dict[str, Any]]:
        """Return the loss against the target (B,), and the metrics `critic_loss`, `q` and `q_spread`."""

    @staticmethod
    def target_value(targets: Any, z: Any, action: Any, inputs: Any, config: AgentConfig) -> Any:
        """Return the pessimistic value (B,) of the target's parameters; `inputs` are the `UpdateInputs`."""

    @staticmethod
    def actor_value(params: Any, entry: Any, action: Any, config: AgentConfig) -> Any:
        """Return the value (B,) that the actor maximises."""


class Ensemble:
    """E networks (z, action) -> Q_e that share nothing: all parameters have a leading axis E. Source: RLPD."""

    translations: Mapping[str, str] = {
        "jax": "robot_rl.agents.jax.ensemble:JaxEnsemble",
        "torch": "robot_rl.agents.torch.ensemble:TorchEnsemble",
    }

    @staticmethod
    def parameters(config: AgentConfig, embedding_dim: int, action_dim: int) -> Named:
        """Return names, shapes and first values of the parameters, in order."""
        return ensemble(config, embedding_dim, action_dim, outputs=1)


def ensemble(config: AgentConfig, embedding_dim: int, action_dim: int, outputs: int) -> Named:
    """Return the parameters of E networks (z, action) -> outputs.

    The action has a kernel of its own, so that z W is shared by all actions that are judged at z.
    """
    lead = (config.num_critics,)
    std = 1.0 / math.sqrt(embedding_dim + action_dim)
    action = ParameterSpec((*lead, action_dim, config.hidden[0]), std=std)
    body = mlp("critic", embedding_dim, config.hidden, lead)
    return [*body, ("critic/action/kernel", action), *dense("critic/out", config.hidden[-1], outputs, lead)]


def critic_kind(name: str) -> Critic:
    """Return a kind of critic by name, `module:Class` or `path/to/file.py:Class`.

    Raises:
        ConfigError: an unknown critic.
    """
    kind: Critic = resolve("critic", name, CRITICS, CRITIC_GROUP)
    return kind


@lru_cache
def translation(name: str, backend: str) -> CriticTranslation:
    """Return a critic's translation for a backend.

    Raises:
        ConfigError: it has none.
    """
    known = critic_kind(name).translations
    if backend not in known:
        raise ConfigError(
            f"critic {name!r}: got translations for {', '.join(known)}, expected one for {backend}; set agent.backend."
        )
    found: CriticTranslation = resolve(f"critic in {backend}", known[backend], {})
    return found
