"""Learner in PyTorch: updates in place (`updates.py`), with checked inputs.

Batches come from the replay; weights are returned by name, as copies.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.batches import check_batch
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.learner_state import CountedLearner, PackedState, packed_state
from robot_rl.agents.metrics import mean_metrics
from robot_rl.agents.torch.precision import products
from robot_rl.agents.torch.updates import make_state, to_numpy, update_once
from robot_rl.agents.update_inputs import UpdateInputs
from robot_rl.data.batch import Batch


class TorchLearner(CountedLearner):
    """The learning agent; the runtime passes batches and fetches the policy.

    Args:
        definition: of the agent.
        seed: of the first parameters and of all later random numbers.
        device: of parameters and updates.
    """

    def __init__(self, definition: AgentDefinition, seed: int, device: torch.device) -> None:
        super().__init__(definition, seed)
        self._device, self._state = device, make_state(definition, seed, device)

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from U batches. See `Learner`."""
        check_batch(batch, self.definition)
        plans = self._plans(batch)
        learns_actor = [bool(value) for value in plans.learns_actor]
        batches = moved_batch(batch, self._device)
        inputs = UpdateInputs(*(_moved(value, self._device) for value in plans))
        inputs = inputs._replace(conservative_weight=plans.conservative_weight)  # read by the host in each update
        rows = []
        with products(self.definition.config.precision, self._device):
            for i, learns in enumerate(learns_actor):
                plan = UpdateInputs(*(value[i] for value in inputs))
                rows.append(update_once(self._state, batch_of(batches, i), plan, learns, self.definition))
        self._updates += len(rows)
        # One array, so that the metrics cost one transfer from the device.
        return mean_metrics(to_numpy(torch.stack(rows)), self.definition)

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return the averaged policy's parameters by name, as copies that later updates do not change."""
        arrays = self._state.target_parameters()
        return {name: to_numpy(arrays[name]) for name in self.definition.policy_names()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return everything as a flat dictionary by name; loading it continues bit for bit."""
        groups = self._state.groups
        moments = {name: group.moments() for name, group in groups.items()}
        vectors = {
            "params": {name: to_numpy(group.vector) for name, group in groups.items()},
            "adam_mu": {name: mu for name, (mu, _, _) in moments.items()},
            "adam_nu": {name: nu for name, (_, nu, _) in moments.items()},
            "targets": {name: to_numpy(vector) for name, vector in self._state.targets.items()},
        }
        counts = {name: count for name, (_, _, count) in moments.items()}
        return PackedState(self._seed, self._updates, counts, vectors).by_name(self.definition)

    def load_state_dict(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from a state of `state_dict`; see `Learner`."""
        packed = packed_state(arrays, self.definition)
        self._state.load(packed)
        self._seed, self._updates = packed.seed, packed.step


def moved_batch(batch: Batch, device: torch.device) -> Batch:
    """Return the batch's arrays as tensors of the device."""
    obs, next_obs = ({name: _moved(value, device) for name, value in side.items()} for side in batch[:2])
    return Batch(obs, next_obs, *(_moved(value, device) for value in batch[2:]))


def batch_of(batches: Batch, update: int) -> Batch:
    """Return the batch of one update."""
    obs, next_obs = ({name: value[update] for name, value in side.items()} for side in batches[:2])
    return Batch(obs, next_obs, *(value[update] for value in batches[2:]))


def _moved(array: Any, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)
