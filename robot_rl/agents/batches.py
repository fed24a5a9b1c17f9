"""Batches that a backend learns from: their checks, and random crops of their images."""

from collections.abc import Callable
from typing import Any

import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.errors import SchemaMismatchError
from robot_rl.data.batch import Batch


def check_batch(batch: Batch, definition: AgentDefinition) -> None:
    """Check a sample of the replay, with its leading axis of updates.

    Raises:
        SchemaMismatchError: entries or shapes that are not the definition's.
    """
    lead, steps = tuple(np.shape(batch.reward)), definition.config.horizon
    if len(lead) != 2:
        raise SchemaMismatchError(f"batch 'reward': got {lead}, expected (updates, batch); add the leading axis.")
    expected = dict.fromkeys(("discount", "terminated", "imitated"), lead)
    expected["action"] = (*lead, *((steps,) if steps > 1 else ()), definition.layout.size)
    for name, shape in expected.items():
        _check_shape(name, getattr(batch, name), shape)
    for side in ("obs", "next_obs"):
        for name, spec in definition.observation.items():
            _check_shape(f"{side}/{name}", getattr(batch, side).get(name), (*lead, *spec.sample_shape))


def _check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    got = None if array is None else tuple(array.shape)
    if got != shape:
        raise SchemaMismatchError(
            f"batch {name!r}: got {got}, expected {shape}; sample it from a replay with the agent's observation."
        )


def random_crops(batch: Batch, shifts: Any, shift_images: Callable[..., Any], definition: AgentDefinition) -> Batch:
    """Return the batch with its images shifted at random, observation and next observation independently."""
    if not definition.images:
        return batch
    obs, next_obs = dict(batch.obs), dict(batch.next_obs)
    for i, name in enumerate(definition.images):
        obs[name] = shift_images(obs[name], shifts[0, i])
        next_obs[name] = shift_images(next_obs[name], shifts[1, i])
    return batch._replace(obs=obs, next_obs=next_obs)
