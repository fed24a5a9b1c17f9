"""Learner in JAX: many updates in one compiled call (`updates.py`), with checked inputs.

Batches come from the replay; weights are returned by name, as copies.
"""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.batches import check_batch
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.precision import products
from robot_rl.agents.jax.updates import LearnerState, make_state, update_many
from robot_rl.agents.learner_state import CountedLearner, PackedState, packed_state
from robot_rl.agents.metrics import mean_metrics
from robot_rl.agents.packing import group_packings
from robot_rl.data.batch import Batch

# The old state's memory is reused: an update needs no copy of the parameters. One program for all learners alike.
_update = jax.jit(update_many, static_argnames="definition", donate_argnames="state")


class JaxLearner(CountedLearner):
    """The learning agent; the runtime passes batches and fetches the policy.

    Args:
        definition: of the agent.
        seed: of the first parameters and of all later random numbers.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        super().__init__(definition, seed)
        self._packings = group_packings(definition)
        self._state = make_state(definition, seed)

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from U batches in one compiled call. See `Learner`."""
        check_batch(batch, self.definition)
        plans = self._plans(batch)
        with products(self.definition.config.precision):
            self._state, rows = _update(self._state, batch, plans, definition=self.definition)
        self._updates += len(batch.reward)
        return mean_metrics(np.asarray(rows), self.definition)

    def flop(self, batch: Batch) -> float:
        """Return the floating-point operations of an update on such batches, as XLA counts them; nan if it does not."""
        with products(self.definition.config.precision):
            lowered = _update.lower(self._state, batch, self._plans(batch), definition=self.definition)
        return float((lowered.cost_analysis() or {}).get("flops", math.nan))

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return the averaged policy's parameters by name, as copies that later updates do not change."""
        arrays: dict[str, np.ndarray] = {}
        for group, vector in self._state.targets.items():
            arrays |= self._packings[group].unpack(np.array(vector))
        return {name: arrays[name].copy() for name in self.definition.policy_names()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return everything as a flat dictionary by name; loading it continues bit for bit."""
        state = jax.tree.map(np.array, self._state)
        groups = state.groups.items()
        vectors = {
            "params": {group: part.vector for group, part in groups},
            "adam_mu": {group: part.adam.mu for group, part in groups},
            "adam_nu": {group: part.adam.nu for group, part in groups},
            "targets": state.targets,
        }
        counts = {group: int(part.adam.count) for group, part in groups}
        return PackedState(self._seed, self._updates, counts, vectors).by_name(self.definition)

    def load_state_dict(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from a state of `state_dict`; see `Learner`."""
        packed = packed_state(arrays, self.definition)
        vectors, groups = jax.tree.map(jnp.asarray, packed.vectors), {}
        for group, part in self._state.groups.items():
            count = jnp.array(packed.counts[group], jnp.int32)
            adam = part.adam._replace(count=count, mu=vectors["adam_mu"][group], nu=vectors["adam_nu"][group])
            groups[group] = part._replace(vector=vectors["params"][group], adam=adam)
        self._state = LearnerState(groups, vectors["targets"])
        self._seed, self._updates = packed.seed, packed.step
