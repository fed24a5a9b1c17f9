"""The ensemble of critics in PyTorch."""

from torch import Tensor

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import CriticTranslation
from robot_rl.agents.torch import networks
from robot_rl.agents.torch.networks import Params
from robot_rl.agents.torch.precision import product
from robot_rl.agents.update_inputs import UpdateInputs

Metrics = dict[str, Tensor]


class TorchEnsemble(CriticTranslation):
    """E critics: squared errors summed, the minimum of a random subset in the target, the mean for the actor."""

    @staticmethod
    def entry(params: Params, z: Tensor) -> Tensor:
        """Return z W (E, B, H), the embedding's share of the critics' first Dense: their main cost."""
        return product(z, params["critic/dense0/kernel"])

    @staticmethod
    def values(params: Params, entry: Tensor, action: Tensor, config: AgentConfig) -> Tensor:
        """Return Q (E, B) of an embedding, as `entry` (E, B, H), and the action (B, A)."""
        entry = product(action, params["critic/action/kernel"], added=entry)
        return networks.dense(params, "critic/out", networks.mlp_from_entry(params, "critic", entry, config))[..., 0]

    @staticmethod
    def loss(
        params: Params, entry: Tensor, action: Tensor, target: Tensor, config: AgentConfig
    ) -> tuple[Tensor, Metrics]:
        """Return the sum of the critics' mean squared errors, and metrics."""
        q = TorchEnsemble.values(params, entry, action, config)
        squared, values = (q - target).square().mean(1), q.detach()
        spread = values.std(0, correction=0).mean()
        return squared.sum(), {"critic_loss": squared.detach().mean(), "q": values.mean(), "q_spread": spread}

    @classmethod
    def target_value(
        cls, targets: Params, z: Tensor, action: Tensor, inputs: UpdateInputs, config: AgentConfig
    ) -> Tensor:
        """Return the minimum over the drawn critics; the others cost nothing."""
        drawn = {name: value[inputs.subset] for name, value in targets.items() if name.startswith("critic/")}
        return cls.values(drawn, cls.entry(drawn, z), action, config).amin(0)

    @classmethod
    def actor_value(cls, params: Params, entry: Tensor, action: Tensor, config: AgentConfig) -> Tensor:
        """Return the mean over all critics."""
        return cls.values(params, entry, action, config).mean(0)
