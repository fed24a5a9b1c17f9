"""Encoding of observations: images become features once, for policy and records."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.records import Observation, StepRecord
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.core.settings import load_settings
from robot_rl.core.tasks import TaskSpec
from robot_rl.data.image_codec import decompressed
from robot_rl.envs.observation import proprioception
from robot_rl.envs.protocol import action_layout
from robot_rl.hardware.cameras.config import CameraSet
from robot_rl.rewards.success_model import Views
from robot_rl.vision.encoder import Encoder

IMAGE_DTYPE = np.uint8


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
        ConfigError: an entry of the observation has the name of a read-out.
        UnknownNameError: the encoder needs a camera that the observation lacks.
    """
    if encoder is None:
        return raw
    for camera in encoder.cameras:
        if camera not in raw.observation:
            raise unknown_name("camera", camera, raw.observation)
    readouts: Mapping[str, int] = getattr(encoder, "readouts", {})
    if taken := readouts.keys() & raw.observation.keys():
        raise ConfigError(
            f"observation: got {sorted(taken)} beside the encoder's, expected other names; rename cameras."
        )
    counts = dict.fromkeys(encoder.cameras, encoder.feature_count) | dict(readouts)
    shapes = {name: (encoder.variants, count) for name, count in counts.items()}
    features = {name: ArraySpec(shape, "float16", variants=encoder.variants) for name, shape in shapes.items()}
    observation = {**raw.observation, **features}
    return replace(raw, observation=observation, encoder=encoder.identity)


def classifier_views(task: TaskSpec, encoder: Encoder | None, cameras_file: Path | None) -> Views:
    """Return what a reward classifier sees: features of the cameras, pose and gripper of the arms.

    Args:
        cameras_file: the robot's cameras, whose crops count where the task has none.
    """
    views = camera_views(task, cameras_file)
    cameras = {name: view for name, view in views.items() if encoder is not None and name in encoder.cameras}
    return Views("" if encoder is None else encoder.identity, cameras, proprioception(task), task.name)


def camera_views(task: TaskSpec, cameras_file: Path | None) -> dict[str, str]:
    """Return size and crop of what each camera of a task sees, in words; see `classifier_views`."""
    own = load_settings(CameraSet, cameras_file).cameras if cameras_file else ()
    crops = {camera.name: camera.view.crop for camera in own}
    return {
        name: f"{camera.height} x {camera.width}, crop {camera.crop or crops.get(name) or 'none'}"
        for name, camera in task.cameras.items()
    }


def encode_steps(
    steps: Iterable[StepRecord], encoder: Encoder | None, rng: np.random.Generator
) -> Iterator[StepRecord]:
    """Return recorded steps encoded as an actor would have sent them, from their images or their compressed frames."""
    for step in steps:
        following = None
        if step.next_obs is not None:
            following = encode_observation({**step.next_obs, **decompressed(step.next_frames)}, encoder, rng)
        yield replace(
            step, obs=encode_observation({**step.obs, **decompressed(step.frames)}, encoder, rng), next_obs=following
        )


def camera_images(raw: Observation) -> dict[str, np.ndarray]:
    """Return the (H, W, 3) uint8 entries of an observation, by name."""
    return {name: entry for name, entry in raw.items() if entry.ndim == 3 and entry.dtype == IMAGE_DTYPE}


def _spec(space: gymnasium.Space[Any]) -> ArraySpec:
    if space.shape is None or space.dtype is None:
        raise ConfigError(f"observation entry: got {space}, expected a Box; flatten it.")
    return ArraySpec(space.shape, space.dtype.name)
