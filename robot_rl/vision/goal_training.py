"""Training of a goal read-out on recorded episodes that succeeded; see `robot_rl.vision.goal_reader`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.vision.fit import Arrays, fit
from robot_rl.vision.goal_config import GoalConfig
from robot_rl.vision.goal_reader import LAYERS, GoalReader, PoseEntry, members

SCALE_MIN = 1e-4  # of an input's and a goal's standard deviation


def train_goal_reader(
    config: GoalConfig, features: np.ndarray, poses: np.ndarray, goals: np.ndarray, pose: tuple[PoseEntry, ...]
) -> GoalReader:
    """Return a read-out fitted to frames whose goal is known.

    Shapes: features (N, F) of the cameras by name, poses (N, P), goals (N, G).
    """
    inputs = np.column_stack([features, poses]).astype(np.float32)
    statistics = {"mean": inputs.mean(0), "scale": inputs.std(0) + SCALE_MIN}
    statistics |= {"goal_mean": goals.mean(0), "goal_scale": goals.std(0) + SCALE_MIN}
    x = (inputs - statistics["mean"]) / statistics["scale"]
    y = ((goals - statistics["goal_mean"]) / statistics["goal_scale"]).astype(np.float32)
    rng = np.random.default_rng(config.seed)

    def draw() -> dict[str, np.ndarray]:
        rows = rng.integers(len(x), size=config.batch)
        noisy = x[rows] + np.float32(config.noise) * rng.standard_normal((config.batch, x.shape[1]), np.float32)
        return {"x": noisy, "y": y[rows]}

    first = _init(config, x.shape[1], y.shape[1])
    weights = fit(first, _loss, draw, config.steps, config.learning_rate, part=config.batch)
    arrays = {name: np.asarray(array, np.float32) for name, array in {**weights, **statistics}.items()}
    return GoalReader(arrays, pose)


def _init(config: GoalConfig, inputs: int, goals: int) -> dict[str, jax.Array]:
    rng, sizes = np.random.default_rng(config.seed + 1), (inputs, config.hidden, config.hidden, goals)
    shapes = [((config.members, sizes[i], sizes[i + 1]), (config.members, 1, sizes[i + 1])) for i in range(3)]
    values = [
        array for w, b in shapes for array in (rng.normal(0.0, w[1] ** -0.5, w), np.zeros(b))
    ]  # fmt: skip
    return {name: jnp.asarray(value, jnp.float32) for name, value in zip(LAYERS, values, strict=True)}


def _loss(weights: Arrays, batch: Arrays) -> Any:
    """Mean Huber loss of the members, linear beyond 0.3 standard deviations of the goals."""
    miss = jnp.abs(members(weights, batch["x"], jnp) - batch["y"])
    return jnp.where(miss < 0.3, miss * miss / 0.6, miss - 0.15).mean()
