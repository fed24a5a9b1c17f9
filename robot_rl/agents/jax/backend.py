"""JAX backend: factory of learner and policy."""

import platform

import jax

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.learner import JaxLearner
from robot_rl.agents.jax.policy import JaxPolicy


class JaxBackend:
    """Factory of learner and policy of one definition.

    Args:
        definition: of the agent.
        seed: of the first parameters and of all later random numbers.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self._definition, self._seed = definition, seed

    @property
    def device(self) -> str:
        """JAX's device."""
        kind: str = jax.devices()[0].device_kind
        return kind if jax.default_backend() != "cpu" else platform.processor() or "cpu"

    def learner(self) -> JaxLearner:
        """Return a learner with its first parameters."""
        return JaxLearner(self._definition, self._seed)

    def policy(self) -> JaxPolicy:
        """Return a policy without weights."""
        return JaxPolicy(self._definition)
