"""The learner in JAX: many updates in one compiled call (`updates.py`), checked at its door.

Batches come from the replay; weights leave by name, as copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.losses import Batch
from robot_rl.agents.jax.updates import (
    ACTOR_METRICS,
    LearnerState,
    group_packings,
    make_state,
    metric_names,
    update_many,
)
from robot_rl.agents.update_inputs import plan_updates
from robot_rl.core.errors import CheckpointError, SchemaMismatchError

# The old state's memory is reused: an update needs no copy of the parameters. One program for all learners alike.
_update = jax.jit(update_many, static_argnames="definition", donate_argnames="state")


class JaxLearner:
    """The agent that learns; the runtime feeds it batches and fetches the policy.

    Args:
        definition: what the agent is.
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

    def update(self, batch: Mapping[str, Any]) -> dict[str, float]:
        """Learn from U batches in one compiled call.

        Shapes: `obs` and `next_obs` of (U, B, ...), `action` (U, B, A), `reward`, `terminated`, `human` (U, B).
        Returns the metrics' means over the U updates; those of the actor only when it learnt.

        Raises:
            SchemaMismatchError: entries or shapes that are not the definition's.
        """
        batches = check_batch(batch, self.definition)
        plans = plan_updates(self.definition, self._seed, self._updates, *batches.reward.shape)
        self._state, means = _update(self._state, batches, plans, definition=self.definition)
        self._updates += len(batches.reward)
        # One vector, so that the metrics cost one transfer from the device.
        values = dict(zip(metric_names(self.definition), np.asarray(means).tolist(), strict=True))
        skip = ACTOR_METRICS if values["actor_updates"] == 0 else ()
        return {name: value for name, value in values.items() if name not in skip}

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return what acting needs, by name: the targets, as copies that later updates leave alone."""
        targets = self._unpack({group: np.array(vector) for group, vector in self._state.targets.items()})
        return {name: targets[name].copy() for name in self.definition.policy_names()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return everything as a flat dictionary by name; loading it continues bit for bit."""
        state = jax.tree.map(np.array, self._state)
        arrays: dict[str, np.ndarray] = {"seed": np.array(self._seed), "step": np.array(self._updates)}
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
        """Take over a state from `state_dict`.

        Raises:
            CheckpointError: a missing, unknown or misshapen array.
        """
        _check_state(self.state_dict(), arrays)

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


def check_batch(batch: Mapping[str, Any], definition: AgentDefinition) -> Batch:
    """Return the replay's sample as a `Batch`.

    Raises:
        SchemaMismatchError: entries or shapes that are not the definition's.
    """
    names = definition.observation
    arrays: dict[str, Any] = {name: batch.get(name) for name in ("action", "reward", "terminated", "human")}
    obs, next_obs = ({name: batch[side].get(name) for name in names} for side in ("obs", "next_obs"))
    lead = tuple(batch["reward"].shape)
    expected = {"action": (*lead, definition.action_dim), "reward": lead, "terminated": lead, "human": lead}
    for name, shape in expected.items():
        _check_shape(name, arrays[name], shape)
    for side, entries in (("obs", obs), ("next_obs", next_obs)):
        for name, spec in names.items():
            _check_shape(f"{side}/{name}", entries[name], (*lead, *spec.sample_shape))
    if len(lead) != 2:
        raise SchemaMismatchError(f"batch 'reward': got {lead}, expected (updates, batch); add the leading axis.")
    return Batch(obs, next_obs, **arrays)


def _check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    got = None if array is None else tuple(array.shape)
    if got != shape:
        raise SchemaMismatchError(
            f"batch {name!r}: got {got}, expected {shape}; sample it from a replay with the agent's observation."
        )


def _check_state(own: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> None:
    def described(array: np.ndarray | None) -> str | None:
        return None if array is None else f"{array.dtype}{list(array.shape)}"

    for name in sorted(own.keys() | arrays.keys()):
        got, expected = described(arrays.get(name)), described(own.get(name))
        if got != expected:
            raise CheckpointError(
                f"learner state {name!r}: got {got}, expected {expected}; "
                "restore it with the configuration it was saved with."
            )
