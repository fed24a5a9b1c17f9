"""Batches that a backend learns from: their checks, random crops of their images, and random ones to measure with."""

from collections.abc import Callable
from typing import Any

import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.errors import SchemaMismatchError
from robot_rl.core.schema import ArraySpec
from robot_rl.data.batch import Batch

SHARES = {"reward": 0.1, "terminated": 0.1, "imitated": 0.5, "outcome": 0.3}
"""Of ones in a random batch."""


def check_batch(batch: Batch, definition: AgentDefinition) -> None:
    """Check a sample of the replay, with its leading axis of updates.

    Raises:
        SchemaMismatchError: entries or shapes that are not the definition's.
    """
    lead = tuple(np.shape(batch.reward))
    if len(lead) != 2:
        raise SchemaMismatchError(f"batch 'reward': got {lead}, expected (updates, batch); add the leading axis.")
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(("discount", "terminated", "imitated", "outcome"), lead)
    expected["action"] = _action_shape(lead, definition)
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


def random_batch(definition: AgentDefinition, updates: int, batch: int) -> Batch:
    """Return a batch of random numbers as the replay would sample it, to measure updates with."""
    rng, lead = np.random.default_rng(0), (updates, batch)
    flags = {name: (rng.random(lead) < share).astype(np.float32) for name, share in SHARES.items()}
    obs, next_obs = (
        {name: _random_entry(spec, lead, rng) for name, spec in definition.observation.items()} for _ in range(2)
    )
    action = rng.uniform(-1.0, 1.0, _action_shape(lead, definition)).astype(np.float32)
    return Batch(obs, next_obs, action, discount=np.full(lead, definition.config.discount, np.float32), **flags)


def _action_shape(lead: tuple[int, ...], definition: AgentDefinition) -> tuple[int, ...]:
    steps = definition.sample_steps
    return (*lead, *((steps,) if steps > 1 else ()), definition.layout.size)


def _random_entry(spec: ArraySpec, lead: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    shape = (*lead, *spec.sample_shape)
    if spec.dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.standard_normal(shape, dtype=np.float32).astype(spec.dtype)
