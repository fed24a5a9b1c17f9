"""Behaviour cloning with the agent's own policy networks: the baseline of reinforcement learning.

The loss is `losses.imitation_loss`. Embedding, actor and discrete heads learn together from demonstrations alone; the
result acts through `TorchPolicy` like any other.
"""

import numpy as np
import torch
from torch import Tensor

from robot_rl.agents.batches import check_batch
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.packing import make_packing
from robot_rl.agents.torch import losses, networks
from robot_rl.agents.torch.learner import batch_of, moved_batch
from robot_rl.agents.torch.precision import products
from robot_rl.agents.torch.updates import Group, gradient_of, to_numpy
from robot_rl.data.batch import Batch


class TorchCloner:
    """Behaviour cloning of the policy's parameters.

    Args:
        definition: of the agent whose policy is trained.
        seed: of the first parameters.
        device: of parameters and updates.
    """

    def __init__(self, definition: AgentDefinition, seed: int, device: torch.device) -> None:
        self.definition, self.updates, self._device = definition, 0, device
        packing = make_packing(definition, definition.policy_names())
        self._group = Group(packing.pack(definition.init(seed)), packing, definition.config.learning_rate, device)

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from U batches of demonstrations. Shapes as in `TorchLearner.update`; returns the mean loss."""
        check_batch(batch, self.definition)
        batches, rows = moved_batch(batch, self._device), []
        with products(self.definition.config.precision, self._device):
            for i in range(len(batch.reward)):
                one = batch_of(batches, i)
                gradient, loss = gradient_of(lambda params, one=one: self._loss(params, one), self._group, {})
                self._group.descend(gradient)
                rows.append(loss)
        self.updates += len(rows)
        return {"cloning_loss": float(torch.stack(rows).mean())}

    def policy_parameters(self) -> dict[str, np.ndarray]:
        """Return the policy's parameters by name."""
        return {name: to_numpy(value) for name, value in self._group.parameters().items()}

    def _loss(self, params: networks.Params, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, _ = losses.imitation_loss(params, batch, self.definition)
        return loss, loss.detach()
