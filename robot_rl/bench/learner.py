"""How many updates a second the learner makes: on cached features, and with convolutions that learn in the loop."""

from __future__ import annotations

import math
import platform
from typing import Any

import numpy as np

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.bench.timing import time_calls
from robot_rl.config import SMALL_TRUNK
from robot_rl.core.schema import ArraySpec

BATCH = 256
STATE = 25
ACTION_DIM = 7
CAMERAS = ("wrist", "side")
CACHED_CALLS, CACHED_UPDATES = 5, 10
TRAINABLE_CALLS, TRAINABLE_UPDATES = 2, 2


def run() -> dict[str, Any]:
    """Return the figures of `bench_learner`."""
    return bench_learner()


def bench_learner() -> dict[str, Any]:
    """Return updates a second at batch 256, state of 25, two cameras, targets from 2 critics.

    `updates_per_s_cached`: 96 stored features a camera, 10 critics; `_2_critics`: the same with 2;
    `updates_per_s_trainable`: uint8 pictures 128 x 128, 10 critics, random crops and the presets' trunk in the update.
    """
    import jax

    cached = ArraySpec((4, 96), "float16", variants=4)
    picture = ArraySpec((128, 128, 3), "uint8")
    return {
        "device": jax.devices()[0].device_kind if jax.default_backend() != "cpu" else platform.processor() or "cpu",
        "batch": BATCH,
        "updates_per_s_cached": rate(cached, 10, CACHED_UPDATES, CACHED_CALLS),
        "updates_per_s_cached_2_critics": rate(cached, 2, CACHED_UPDATES, CACHED_CALLS),
        "updates_per_s_trainable": rate(picture, 10, TRAINABLE_UPDATES, TRAINABLE_CALLS),
    }


def rate(camera: ArraySpec, num_critics: int, updates: int, calls: int) -> float:
    """Return the updates a second of an agent with two such cameras: `updates` a call, the best of `calls` calls."""
    from robot_rl.agents.jax.learner import JaxLearner

    observation = {"state": ArraySpec((STATE,), "float32"), **dict.fromkeys(CAMERAS, camera)}
    definition = AgentDefinition(observation, ACTION_DIM, AgentConfig(num_critics=num_critics, trunk=SMALL_TRUNK))
    learner, batch = JaxLearner(definition, seed=0), random_batch(definition, updates)
    durations_s = time_calls(lambda: learner.update(batch), calls, warm_up=1)
    return _three_digits(updates / durations_s.min())


def random_batch(definition: AgentDefinition, updates: int, batch: int = BATCH) -> dict[str, Any]:
    """Return a batch of random numbers as the replay would sample it."""
    rng, lead = np.random.default_rng(0), (updates, batch)
    return {
        "obs": _observation(definition, lead, rng),
        "next_obs": _observation(definition, lead, rng),
        "action": rng.uniform(-1.0, 1.0, (*lead, definition.action_dim)).astype(np.float32),
        "reward": (rng.random(lead) < 0.1).astype(np.float32),
        "terminated": (rng.random(lead) < 0.1).astype(np.float32),
        "human": (rng.random(lead) < 0.5).astype(np.float32),
    }


def _observation(definition: AgentDefinition, lead: tuple[int, ...], rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: _entry(spec, lead, rng) for name, spec in definition.observation.items()}


def _entry(spec: ArraySpec, lead: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    shape = (*lead, *spec.sample_shape)
    if spec.dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.standard_normal(shape, dtype=np.float32).astype(spec.dtype)


def cached_definition() -> AgentDefinition:
    """Return an agent on stored features: what loads a machine while it learns."""
    camera = ArraySpec((4, 96), "float16", variants=4)
    observation = {"state": ArraySpec((STATE,), "float32"), **dict.fromkeys(CAMERAS, camera)}
    return AgentDefinition(observation, ACTION_DIM, AgentConfig(num_critics=10))


def _three_digits(value: float) -> float:
    return round(value, 2 - math.floor(math.log10(value)))
