"""Encoding of observations: images become features once, for policy and records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import gymnasium
import numpy as np

from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.records import Observation, StepRecord
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.envs.protocol import action_layout

PICTURE_DTYPE = np.uint8


class Encoder(Protocol):
    """A frozen encoder; each camera frame is encoded once, on arrival."""

    cameras: tuple[str, ...]
    variants: int

    @property
    def identity(self) -> str:
        """Digest of weights and preprocessing: equal identities, equal features of equal images."""
        ...

    @property
    def feature_count(self) -> int:
        """Numbers F a camera and variant."""
        ...

    def encode(self, images: Observation, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return (V, F) float16 by camera; other entries of `images` are ignored."""
        ...


def encode_observation(raw: Observation, encoder: Encoder | None, rng: np.random.Generator) -> Observation:
    """Return the observation with its cameras' images replaced by features; unchanged without an encoder."""
    return dict(raw) if encoder is None else {**raw, **encoder.encode(raw, rng)}


def step_schema(env: gymnasium.Env[Any, Any], encoder: Encoder | None, task: str) -> StepSchema:
    """Return the schema of the records of an environment and encoder, from the environment's spaces.

    Raises:
        ConfigError: the observation or action space is not of the kind that records hold.
        UnknownNameError: the encoder needs a camera that the environment lacks.
    """
    space, action = env.observation_space, env.action_space
    if not isinstance(space, gymnasium.spaces.Dict) or not isinstance(action, gymnasium.spaces.Box):
        raise ConfigError(f"spaces: got {space} and {action}, expected a Dict and a Box; wrap the environment.")
    specs = {name: _spec(entry) for name, entry in space.spaces.items()}
    return encoded_schema(StepSchema(specs, action_layout(env), task), encoder)


def encoded_schema(raw: StepSchema, encoder: Encoder | None) -> StepSchema:
    """Return the schema of steps whose images have been encoded.

    Raises:
        UnknownNameError: the encoder needs a camera that the observation lacks.
    """
    if encoder is None:
        return raw
    for camera in encoder.cameras:
        if camera not in raw.observation:
            raise unknown_name("camera", camera, raw.observation)
    features = ArraySpec((encoder.variants, encoder.feature_count), "float16", variants=encoder.variants)
    observation = {**raw.observation, **dict.fromkeys(encoder.cameras, features)}
    return replace(raw, observation=observation, encoder=encoder.identity)


def encode_steps(
    steps: Iterable[StepRecord], encoder: Encoder | None, rng: np.random.Generator
) -> Iterator[StepRecord]:
    """Return recorded steps with their images encoded, as an actor would have sent them."""
    for step in steps:
        following = None if step.next_obs is None else encode_observation(step.next_obs, encoder, rng)
        yield replace(step, obs=encode_observation(step.obs, encoder, rng), next_obs=following)


def pictures(raw: Observation) -> dict[str, np.ndarray]:
    """Return the (H, W, 3) uint8 entries of an observation, by name."""
    return {name: entry for name, entry in raw.items() if entry.ndim == 3 and entry.dtype == PICTURE_DTYPE}


def _spec(space: gymnasium.Space[Any]) -> ArraySpec:
    if space.shape is None or space.dtype is None:
        raise ConfigError(f"observation entry: got {space}, expected a Box; flatten it.")
    return ArraySpec(space.shape, space.dtype.name)
