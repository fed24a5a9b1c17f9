"""Inputs of a policy, the same for all backends: entries of an observation, and noise."""

from collections.abc import Mapping

import numpy as np

from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.errors import SchemaMismatchError


def policy_entry(obs: Mapping[str, np.ndarray], name: str, definition: AgentDefinition) -> np.ndarray:
    """Return one entry of an observation for the policy: without variants, or the clean one, variant 0.

    Raises:
        SchemaMismatchError: it is missing, or of another shape.
    """
    spec, value = definition.observation[name], obs.get(name)
    if value is not None and value.shape == spec.sample_shape:
        return value
    if value is not None and value.shape == spec.shape:
        return np.asarray(value[0])
    got = None if value is None else list(value.shape)
    raise SchemaMismatchError(f"observation {name!r}: got {got}, expected {spec}; encode it as for the learner.")


def policy_noise(definition: AgentDefinition, rng: np.random.Generator, deterministic: bool) -> np.ndarray:
    """Return the noise of one action.

    Shapes: (C + D,) float32: standard normals, zero for the deterministic action; then for each discrete head the level
        of a random value, NaN where its critic decides.
    """
    dim, heads = definition.continuous_dim, definition.layout.discrete
    noise = np.zeros(dim + len(heads), np.float32)
    noise[dim:] = np.nan
    if deterministic:
        return noise
    noise[:dim] = rng.standard_normal(dim, dtype=np.float32)
    for i, head in enumerate(heads):
        if rng.random() < definition.config.discrete_exploration:
            noise[dim + i] = rng.choice(head.levels)
    return noise
