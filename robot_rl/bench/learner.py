"""Benchmark of the learner: updates a second on cached features, and with trained convolutions."""

import math
from typing import Any

from robot_rl.agents.auto import installed
from robot_rl.agents.backend import make_backend
from robot_rl.agents.batches import random_batch
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.bench.timing import time_calls
from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.schema import ArraySpec
from robot_rl.presets import SMALL_TRUNK

BATCH = 256
STATE = 25
LAYOUT = arm_layout(StateEntry("state", STATE - 1))
CAMERAS = ("wrist", "side")
CACHED_CALLS, CACHED_UPDATES = 5, 10
TRAINABLE_CALLS, TRAINABLE_UPDATES = 2, 2


def run() -> dict[str, Any]:
    """Return updates a second of each installed backend at batch 256, state of 25, two cameras, targets from 2 critics.

    `jax_updates_per_s_cached`: 96 stored features a camera, 10 critics; `_2_critics`: the same with 2;
    `_updates_per_s_trainable`: uint8 images 128 x 128, 10 critics, random crops and the presets' trunk in the update.
    """
    result: dict[str, Any] = {"batch": BATCH}
    for backend in installed():
        result |= {f"{backend}_{key}": value for key, value in measured(backend).items()}
    return result


def measured(backend: str) -> dict[str, Any]:
    """Return the device and the rates of one backend."""
    many, two = (cached_definition(critics, backend) for critics in (10, 2))
    image = ArraySpec((128, 128, 3), "uint8")
    return {
        "device": make_backend(many, 0).device,
        "updates_per_s_cached": rate(many, CACHED_UPDATES, CACHED_CALLS),
        "updates_per_s_cached_2_critics": rate(two, CACHED_UPDATES, CACHED_CALLS),
        "updates_per_s_trainable": rate(definition_of(image, 10, backend), TRAINABLE_UPDATES, TRAINABLE_CALLS),
    }


def definition_of(camera: ArraySpec, num_critics: int, backend: str) -> AgentDefinition:
    """Return an agent with a state and two such cameras."""
    observation = {"state": ArraySpec((STATE,), "float32"), **dict.fromkeys(CAMERAS, camera)}
    config = AgentConfig(backend=backend, num_critics=num_critics, trunk=SMALL_TRUNK)
    return AgentDefinition(observation, LAYOUT, config)


def rate(definition: AgentDefinition, updates: int, calls: int) -> float:
    """Return an agent's updates a second: `updates` a call, the best of `calls` calls."""
    learner, batch = make_backend(definition, 0).learner(), random_batch(definition, updates, BATCH)
    durations_s = time_calls(lambda: learner.update(batch), calls, warm_up=1)
    per_s = updates / float(durations_s.min())
    return round(per_s, 2 - math.floor(math.log10(per_s)))  # three digits


def cached_definition(num_critics: int = 10, backend: str = "jax") -> AgentDefinition:
    """Return an agent on stored features."""
    return definition_of(ArraySpec((4, 96), "float16", variants=4), num_critics, backend)
