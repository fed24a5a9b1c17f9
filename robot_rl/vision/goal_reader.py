"""Goal read-out of an image encoder: where a successful episode will end, seen from the tool.

A network of M members maps the features of all cameras and the pose of the arms to the goal g = (way, rotation vector)
of each arm in its tool's frame; its targets are free of labels (`robot_rl.vision.recordings`). A policy receives

    1,  tanh(way / 5, 20, 80 mm),  tanh(rotation / 0.05, 0.3 rad)

so that a millimetre counts near the goal and nothing saturates far away; the constant keeps the length of g through
the agent's LayerNorm. Source of the idea: next-best poses of C2F-ARM (James et al. 2022), InsertionNet (Spector and Di
Castro 2021).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.core.records import Observation

ENTRY = "goal"
"""Name of the read-out in an encoded observation."""
PREFIX = "goal/"
"""Of its weights in an encoder's file."""
WAYS_M, ROTATIONS_RAD = (0.005, 0.02, 0.08), (0.05, 0.3)
LAYERS = ("w0", "b0", "w1", "b1", "w2", "b2")
STATISTICS = ("mean", "scale", "goal_mean", "goal_scale")
NORM_EPS = 1e-5


@dataclass(frozen=True)
class PoseEntry:
    """One number of the arms' pose in an observation."""

    name: str
    """Entry of the observation."""
    index: int
    unit: float
    """Factor to [m], [rad] or 0..1."""


@dataclass(frozen=True)
class GoalReader:
    """Goal read-out with its weights.

    Shapes: w0 (M, I, H), b0 (M, 1, H), w1 (M, H, H), b1 (M, 1, H), w2 (M, H, G), b2 (M, 1, G); mean, scale (I,) of the
    inputs: features of the cameras by name, then the pose (P,); goal_mean, goal_scale (G,), with G = 6 an arm.

    Raises:
        ConfigError: a missing, unknown or misshapen array, or one that is not finite.
    """

    weights: Mapping[str, np.ndarray]
    pose: tuple[PoseEntry, ...]
    """Which numbers of an observation are the pose."""

    def __post_init__(self) -> None:
        _check(self.weights)

    @property
    def input_count(self) -> int:
        """Inputs I: features of all cameras, and the pose."""
        return len(self.weights["mean"])

    @property
    def output_count(self) -> int:
        """Numbers of the read-out, as a policy receives it."""
        return 1 + len(self.weights["goal_mean"]) // 2 * (len(WAYS_M) + len(ROTATIONS_RAD))

    def goals(self, inputs: np.ndarray) -> np.ndarray:
        """Return goals (N, G) [m, rad] of inputs (N, I): the mean of the members."""
        weights = self.weights
        x = (inputs - weights["mean"]) / weights["scale"]
        goals: np.ndarray = members(weights, x, np).mean(0) * weights["goal_scale"] + weights["goal_mean"]
        return goals

    def read(self, features: Mapping[str, np.ndarray], raw: Observation) -> np.ndarray:
        """Return the read-out (V, K) float16 of features (V, F) by camera.

        Raises:
            SchemaMismatchError: an observation without the arms' pose.
        """
        columns = np.concatenate([features[camera] for camera in sorted(features)], axis=1).astype(np.float32)
        pose = np.broadcast_to(self._pose(raw), (len(columns), len(self.pose)))
        return scaled(self.goals(np.concatenate([columns, pose], axis=1)))

    def _pose(self, raw: Observation) -> np.ndarray:
        try:
            return np.array([entry.unit * raw[entry.name][entry.index] for entry in self.pose], np.float32)
        except (KeyError, IndexError) as error:
            names = sorted({entry.name for entry in self.pose})
            raise SchemaMismatchError(
                f"goal read-out: got an observation with {sorted(raw)}, expected the arms' pose in {', '.join(names)}; "
                "use an encoder of this task."
            ) from error


def members(weights: Mapping[str, Any], x: Any, xp: ModuleType) -> Any:
    """Return the standardised goals (M, N, G) of standardised inputs (N, I), by numpy or its translation in JAX."""
    for layer in ("0", "1"):
        z = x @ weights[f"w{layer}"] + weights[f"b{layer}"]
        z = z - z.mean(-1, keepdims=True)
        x = xp.tanh(z / xp.sqrt((z * z).mean(-1, keepdims=True) + NORM_EPS))
    return x @ weights["w2"] + weights["b2"]


def scaled(goals: np.ndarray) -> np.ndarray:
    """Return goals (N, G) as a policy receives them, (N, K) float16; see the module's text."""
    parts = goals.reshape(len(goals), -1, 6)
    ways = [np.tanh(parts[..., :3] / scale) for scale in WAYS_M]
    rotations = [np.tanh(parts[..., 3:] / scale) for scale in ROTATIONS_RAD]
    flat = np.concatenate([*ways, *rotations], axis=-1).reshape(len(goals), -1)
    return np.concatenate([np.ones((len(goals), 1)), flat], axis=1).astype(np.float16)


def _check(weights: Mapping[str, np.ndarray]) -> None:
    if weights.keys() != {*LAYERS, *STATISTICS}:
        raise ConfigError(f"goal read-out: got {sorted(weights)}, expected {sorted((*LAYERS, *STATISTICS))}.")
    count, inputs, hidden = weights["w0"].shape if weights["w0"].ndim == 3 else (0, 0, 0)
    goals = len(np.atleast_1d(weights["goal_mean"]))
    expected = {
        "w0": (count, inputs, hidden), "b0": (count, 1, hidden),
        "w1": (count, hidden, hidden), "b1": (count, 1, hidden),
        "w2": (count, hidden, goals), "b2": (count, 1, goals),
        "mean": (inputs,), "scale": (inputs,), "goal_mean": (goals,), "goal_scale": (goals,),
    }  # fmt: skip
    wrong = [name for name, shape in expected.items() if weights[name].shape != shape or not count]
    wrong += [name for name, array in weights.items() if not np.isfinite(array).all()]
    if wrong or goals % 6:
        raise ConfigError(
            f"goal read-out: got weights {wrong or 'of no arm'}, expected others; learn the encoder again."
        )
