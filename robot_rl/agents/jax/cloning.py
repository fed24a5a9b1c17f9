"""Behaviour cloning with the agent's own policy networks: the baseline of reinforcement learning.

The loss is `losses.imitation_loss`. Embedding, actor and discrete heads learn together from demonstrations alone; the
result acts through `JaxPolicy` like any other.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from robot_rl.agents.batches import check_batch
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax import losses
from robot_rl.agents.jax.precision import products
from robot_rl.data.batch import Batch


class JaxCloner:
    """Behaviour cloning of the policy's parameters.

    Args:
        definition: of the agent whose policy is trained.
        seed: of the first parameters.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self.definition, self.updates = definition, 0
        params = definition.init(seed)
        self._params = {name: jnp.asarray(params[name]) for name in definition.policy_names()}
        self._optimiser = optax.adam(definition.config.learning_rate)
        self._moments = self._optimiser.init(self._params)
        self._step = jax.jit(partial(_clone_many, optimiser=self._optimiser, definition=definition))

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from U batches of demonstrations. Shapes as in `JaxLearner.update`; returns the mean loss."""
        check_batch(batch, self.definition)
        with products(self.definition.config.precision):
            self._params, self._moments, loss = self._step(self._params, self._moments, batch)
        self.updates += len(batch.reward)
        return {"cloning_loss": float(loss)}

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return the policy's parameters by name."""
        return {name: np.asarray(value) for name, value in self._params.items()}


def _clone_many(
    params: Any, moments: Any, batches: Batch, optimiser: optax.GradientTransformation, definition: AgentDefinition
) -> tuple[Any, Any, jax.Array]:
    def step(carry: Any, batch: Batch) -> tuple[Any, jax.Array]:
        params, moments = carry
        (loss, _), gradient = jax.value_and_grad(losses.imitation_loss, has_aux=True)(params, batch, definition)
        updates, moments = optimiser.update(gradient, moments, params)
        return (optax.apply_updates(params, updates), moments), loss

    (params, moments), rows = jax.lax.scan(step, (params, moments), batches)
    return params, moments, rows.mean()
