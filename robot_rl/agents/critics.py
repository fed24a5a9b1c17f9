"""Kinds of critics: their parameters here, their translation in each backend; one line each in `CRITICS`.

A critic is a class with `parameters` and `translations`, see `Critic`. Names of its parameters begin with `critic/`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from robot_rl.agents.config import CRITIC_GROUP, CRITICS
from robot_rl.agents.layers import Named, ParameterSpec, dense, mlp
from robot_rl.core.extensions import resolve

if TYPE_CHECKING:
    from robot_rl.agents.definition import AgentDefinition


class Critic(Protocol):
    """One kind of critic of embedding and continuous action."""

    translations: Mapping[str, str]
    """Backend -> `module:Class` of its translation; for JAX see `agents.jax.ensemble`."""

    @staticmethod
    def parameters(definition: AgentDefinition) -> Named:
        """Return names, shapes and first values of the parameters, in order."""
        ...


class Ensemble:
    """E networks (z, action) -> Q_e that share nothing: all parameters have a leading axis E. Source: RLPD."""

    translations: Mapping[str, str] = {"jax": "robot_rl.agents.jax.ensemble:JaxEnsemble"}

    @staticmethod
    def parameters(definition: AgentDefinition) -> Named:
        """Return names, shapes and first values of the parameters, in order.

        The action has a kernel of its own, so that z W is shared by all actions that are judged at z.
        """
        config, lead = definition.config, (definition.config.num_critics,)
        std = 1.0 / math.sqrt(definition.embedding_dim + definition.continuous_dim)
        action = ParameterSpec((*lead, definition.continuous_dim, config.hidden[0]), std=std)
        body = mlp("critic", definition.embedding_dim, config.hidden, lead)
        return [*body, ("critic/action/kernel", action), *dense("critic/out", config.hidden[-1], 1, lead)]


def critic_kind(name: str) -> Critic:
    """Return a kind of critic by name, `module:Class` or `path/to/file.py:Class`.

    Raises:
        ConfigError: an unknown critic.
    """
    kind: Critic = resolve("critic", name, CRITICS, CRITIC_GROUP)
    return kind
