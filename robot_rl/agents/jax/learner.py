"""Learner in JAX: many updates in one compiled call (`updates.py`), with checked inputs.

Batches come from the replay; weights are returned by name, as copies.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.batches import check_batch
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.updates import LearnerState, group_packings, make_state, update_many
from robot_rl.agents.learner_state import check_state
from robot_rl.agents.metrics import ACTOR_METRICS, metric_names
from robot_rl.agents.update_inputs import plan_updates
from robot_rl.data.batch import Batch, Horizon

# The old state's memory is reused: an update needs no copy of the parameters. One program for all learners alike.
_update = jax.jit(update_many, static_argnames="definition", donate_argnames="state")


class JaxLearner:
    """The learning agent; the runtime passes batches and fetches the policy.

    Args:
        definition: of the agent.
        seed: of the first parameters and of all later random numbers.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self.definition = definition
        self._packings = group_packings(definition)
        self._state = make_state(definition, seed)
        self._seed = seed
        self._updates = 0

    @property
    def updates(self) -> int:
        """Updates since the first parameters."""
        return self._updates

    @property
    def horizon(self) -> Horizon:
        """Steps and discount of its samples."""
        return Horizon(self.definition.config.horizon, self.definition.config.discount)

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from U batches in one compiled call.

        Returns the metrics' means over the U updates; those of the actor only if it was updated.

        Raises:
            SchemaMismatchError: entries or shapes that are not the definition's.
        """
        check_batch(batch, self.definition)
        plans = plan_updates(self.definition, self._seed, self._updates, *np.shape(batch.reward))
        self._state, means = _update(self._state, batch, plans, definition=self.definition)
        self._updates += len(batch.reward)
        # One vector, so that the metrics cost one transfer from the device.
        values = dict(zip(metric_names(self.definition), np.asarray(means).tolist(), strict=True))
        skip = ACTOR_METRICS if values["actor_updates"] == 0 else ()
        return {name: value for name, value in values.items() if name not in skip}

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return the averaged policy's parameters by name, as copies that later updates do not change."""
        targets = self._unpack({group: np.array(vector) for group, vector in self._state.targets.items()})
        return {name: targets[name].copy() for name in self.definition.policy_names()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return everything as a flat dictionary by name; loading it continues bit for bit."""
        state = jax.tree.map(np.array, self._state)
        arrays: dict[str, np.ndarray] = {
            "seed": np.array(self._seed, np.int64),
            "step": np.array(self._updates, np.int64),
        }
        for group, part in state.groups.items():
            arrays[f"adam_count/{group}"] = part.adam.count
        parts = {
            "params": {group: part.vector for group, part in state.groups.items()},
            "adam_mu": {group: part.adam.mu for group, part in state.groups.items()},
            "adam_nu": {group: part.adam.nu for group, part in state.groups.items()},
            "targets": state.targets,
        }
        for kind, vectors in parts.items():
            arrays |= {f"{kind}/{name}": value for name, value in self._unpack(vectors).items()}
        return arrays

    def load_state_dict(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load a state of `state_dict`.

        Raises:
            CheckpointError: a missing, unknown or misshapen array.
        """
        check_state(arrays, self.definition)

        def packed(kind: str, group: str) -> jax.Array:
            packing = self._packings[group]
            return jnp.asarray(packing.pack({name: arrays[f"{kind}/{name}"] for name in packing.names}))

        groups = {}
        for group, part in self._state.groups.items():
            count = jnp.array(arrays[f"adam_count/{group}"])
            adam = part.adam._replace(count=count, mu=packed("adam_mu", group), nu=packed("adam_nu", group))
            groups[group] = part._replace(vector=packed("params", group), adam=adam)
        targets = {group: packed("targets", group) for group in self._state.targets}
        self._state = LearnerState(groups, targets)
        self._seed, self._updates = int(arrays["seed"]), int(arrays["step"])

    def _unpack(self, vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: value for group in vectors for name, value in self._packings[group].unpack(vectors[group]).items()
        }
