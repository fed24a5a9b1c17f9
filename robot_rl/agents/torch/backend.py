"""PyTorch backend: factory of learner and policy."""

import platform

import torch

from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.torch.learner import TorchLearner
from robot_rl.agents.torch.policy import TorchPolicy


class TorchBackend:
    """Factory of learner and policy of one definition; they learn on the first CUDA device, if there is one.

    Args:
        definition: of the agent.
        seed: of the first parameters and of all later random numbers.
    """

    def __init__(self, definition: AgentDefinition, seed: int) -> None:
        self._definition, self._seed = definition, seed
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def device(self) -> str:
        """PyTorch's device."""
        if self._device.type == "cuda":
            return torch.cuda.get_device_name()
        return platform.processor() or "cpu"

    def learner(self) -> TorchLearner:
        """Return a learner with its first parameters."""
        return TorchLearner(self._definition, self._seed, self._device)

    def policy(self) -> TorchPolicy:
        """Return a policy without weights."""
        return TorchPolicy(self._definition)
