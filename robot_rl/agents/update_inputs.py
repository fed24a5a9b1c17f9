"""Inputs of an update besides its batch: random numbers, whether the actor learns, and the cloning term's weight.

Made in numpy from (seed, step) alone: a resumed learner continues exactly, however its updates are grouped into calls,
and all backends use the same numbers.
"""

from typing import Any, NamedTuple

import numpy as np

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.vision.architecture import MAX_SHIFT


class UpdateInputs(NamedTuple):
    """Inputs of one update, or with a leading axis of several. Arrays of numpy or of a backend."""

    next_noise: Any  # (B, A) standard normal, for the target's action
    noise: Any  # (B, A) standard normal, for the actor's action
    subset: Any  # (subset,) critics in the target's minimum
    shifts: Any  # (2, images, B, 2) of obs and next_obs, down and right [pixels]
    learns_actor: Any  # () whether actor and temperature learn
    bc_weight: Any  # () weight of the cloning term
    conservative_weight: Any  # () weight of the conservative term
    conservative_noise: Any  # (2, N, B, A) standard normal, and uniform in [-1, 1]; N = 0 without that term
    next_reference: Any  # (B, A) the reference's action at the next observation; A = 0 where targets ignore it


def plan_updates(definition: AgentDefinition, seed: int, step: int, updates: int, batch_size: int) -> UpdateInputs:
    """Return the inputs of the updates step, step + 1, ..., stacked along a leading axis."""
    plans = [plan_update(definition, seed, step + i, batch_size) for i in range(updates)]
    return UpdateInputs(*(np.stack(values) for values in zip(*plans, strict=True)))


def plan_update(definition: AgentDefinition, seed: int, step: int, batch_size: int) -> UpdateInputs:
    """Return the inputs of the update that follows `step` updates."""
    config, rng = definition.config, np.random.default_rng((seed, step))
    noise = rng.standard_normal((2, batch_size, definition.continuous_dim), dtype=np.float32)
    subset = rng.permutation(config.num_critics)[: config.num_target_critics].astype(np.int32)
    shape = (2, len(definition.images), batch_size, 2)
    shifts = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, shape, dtype=np.int32)
    learns_actor = np.bool_((step + 1) % config.critic_updates_per_actor_update == 0)
    cloning, conservatism = np.float32(bc_weight(step, config)), np.float32(conservative_weight(step, config))
    actions = _conservative_noise(definition, batch_size, rng)
    none = np.zeros((batch_size, 0), np.float32)
    return UpdateInputs(noise[0], noise[1], subset, shifts, learns_actor, cloning, conservatism, actions, none)


def _conservative_noise(definition: AgentDefinition, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    # Drawn last: the other numbers are the same with and without.
    actions = definition.config.conservative_actions if definition.config.conservative_weight else 0
    shape = (actions, batch_size, definition.continuous_dim)
    return np.stack([rng.standard_normal(shape), rng.uniform(-1.0, 1.0, shape)]).astype(np.float32)


def bc_weight(step: int, config: AgentConfig) -> float:
    """Return the cloning term's weight after `step` updates: from first to final, then constant."""
    share = min(step / config.bc_decay_updates, 1.0)
    if config.bc_decay == "geometric" and config.bc_weight:
        return config.bc_weight * (config.bc_weight_final / config.bc_weight) ** share
    return config.bc_weight + (config.bc_weight_final - config.bc_weight) * share


def conservative_weight(step: int, config: AgentConfig) -> float:
    """Return the conservative term's weight after `step` updates: constant, then 0."""
    return config.conservative_weight if step < config.conservative_updates else 0.0
