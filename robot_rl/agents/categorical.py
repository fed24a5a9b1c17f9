"""Critics that learn the distribution of a value over bins by cross entropy (HL-Gauss, Farebrother et al. 2024).

p(z, a) = softmax(network(z, a) + first logits),   Q(z, a) = sum_k p_k centre_k
target  = the mass in each bin of a Gaussian around y, 0.75 bins wide, within the range of values
"""

from collections.abc import Mapping

import numpy as np

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.critics import ensemble
from robot_rl.agents.layers import Named

BINS = 51
TARGET_WIDTH = 0.75
"""Standard deviation of a target in bins."""
FIRST_WIDTH, FIRST_FLOOR = 0.05, -5.0
"""Standard deviation of the distribution before any learning, around 0, as a share of the range; and its lowest logit,
so that other values are learnt as quickly."""


class Categorical:
    """E networks (z, action) -> logits of the bins that share nothing, as in `Ensemble`."""

    translations: Mapping[str, str] = {
        "jax": "robot_rl.agents.jax.categorical:JaxCategorical",
        "torch": "robot_rl.agents.torch.categorical:TorchCategorical",
    }

    @staticmethod
    def parameters(config: AgentConfig, embedding_dim: int, action_dim: int) -> Named:
        """Return names, shapes and first values of the parameters, in order."""
        return ensemble(config, embedding_dim, action_dim, outputs=BINS)


def edges(config: AgentConfig) -> np.ndarray:
    """Return the bins' bounds (BINS + 1,)."""
    return np.linspace(*config.value_range, BINS + 1, dtype=np.float32)


def centres(config: AgentConfig) -> np.ndarray:
    """Return the bins' centres (BINS,)."""
    bounds = edges(config)
    return (bounds[1:] + bounds[:-1]) / 2


def target_std(config: AgentConfig) -> float:
    """Return the standard deviation of a target's Gaussian."""
    low, high = config.value_range
    return TARGET_WIDTH * (high - low) / BINS


def first_logits(config: AgentConfig) -> np.ndarray:
    """Return what is added to the networks' logits (BINS,): values begin near 0, instead of the middle of the range."""
    low, high = config.value_range
    return np.maximum(-0.5 * np.square(centres(config) / (FIRST_WIDTH * (high - low))), FIRST_FLOOR)
