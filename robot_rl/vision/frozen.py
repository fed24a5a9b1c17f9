"""The frozen encoder of convolutions and soft-argmax: each camera frame passes it once."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.vision.architecture import MAX_SHIFT, EncoderFile, load_encoder
from robot_rl.vision.encoder import EncoderContext
from robot_rl.vision.goal_reader import ENTRY

SHIPPED_ENCODER = Path(__file__).parent / "weights" / "simulator.safetensors"


class FrozenEncoder:
    """Frozen encoder: each camera frame is encoded once on arrival, variant 0 clean, the others randomly shifted.

    Args:
        encoder: a file, or its content.
        cameras: the cameras in use; each needs its own or shared weights in the file.
        variants: V encodings of each frame.

    Raises:
        ConfigError: no weights, weights that do not fit, or without a camera that a goal read-out needs.
    """

    def __init__(self, encoder: EncoderFile | Path | str, cameras: tuple[str, ...], variants: int = 4) -> None:
        if variants < 1:
            raise ConfigError(f"variants: got {variants}, expected 1 (clean only) or more; 4 is usual.")
        self._file = encoder if isinstance(encoder, EncoderFile) else load_encoder(encoder)
        self.cameras = tuple(sorted(cameras))
        self.variants = variants
        self._owners = tuple(self._file.owner(camera) for camera in self.cameras)
        self._check_goal()

    @classmethod
    def open(cls, context: EncoderContext) -> Self:
        """Return the encoder in a file of weights, or the one shipped for the simulator."""
        return cls(context.weights or SHIPPED_ENCODER, context.cameras, context.variants)

    def _check_goal(self) -> None:
        goal = self._file.goal
        if goal is not None and goal.input_count != len(self.cameras) * self.feature_count + len(goal.pose):
            needed = ", ".join(sorted(self._file.cameras))
            raise ConfigError(
                f"encoder: got cameras {', '.join(self.cameras)}, expected {needed}, which "
                "its goal read-out needs together; use all of them, or learn an encoder of these (`robot-rl eyes`)."
            )

    @cached_property
    def _encode(self) -> Callable[[tuple[np.ndarray, ...], np.ndarray], Any]:
        """The encoder; its framework is imported with the first image, since shapes and identity need none."""
        make = _in_jax if importlib.util.find_spec("jax") else _in_torch
        return make(self._file, self._owners)

    @property
    def identity(self) -> str:
        """Digest of weights and preprocessing."""
        return self._file.identity

    @property
    def views(self) -> Mapping[str, str]:
        """Size and crop in words of the cameras that it was trained on, where its file says so."""
        views: Mapping[str, str] = self._file.dataset_card.get("views", {})
        return views

    @property
    def feature_count(self) -> int:
        """Features F a camera and variant."""
        return self._file.architecture.feature_count

    @property
    def readouts(self) -> Mapping[str, int]:
        """Numbers of the goal read-out, where the file has one."""
        return {} if self._file.goal is None else {ENTRY: self._file.goal.output_count}

    def encode(self, images: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Encode one frame of all cameras.

        Shapes: images (H, W, 3) uint8 by camera; returns (V, F) float16 by camera, and (V, K) of a read-out.

        Raises:
            SchemaMismatchError: a missing camera, another size, or without the pose that a read-out needs.
        """
        frames = tuple(self._frame(images, camera) for camera in self.cameras)
        offsets = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, (len(frames), self.variants, 2), dtype=np.int32)
        offsets[:, 0] = 0
        features = np.asarray(self._encode(frames, offsets))
        encoded = {camera: features[i] for i, camera in enumerate(self.cameras)}
        goal = self._file.goal
        return encoded if goal is None else {**encoded, ENTRY: goal.read(encoded, images)}

    def _frame(self, images: Mapping[str, np.ndarray], camera: str) -> np.ndarray:
        expected = (self._file.architecture.height, self._file.architecture.width, 3)
        frame = images.get(camera)
        if frame is None or frame.shape != expected or frame.dtype != np.uint8:
            got = None if frame is None else f"{frame.dtype}{list(frame.shape)}"
            raise SchemaMismatchError(
                f"image of camera {camera!r}: got {got}, expected uint8{list(expected)}; "
                "resize the camera's images or train the encoder for this size."
            )
        return frame


def _in_jax(encoder: EncoderFile, owners: tuple[str, ...]) -> Callable[[tuple[np.ndarray, ...], np.ndarray], Any]:
    """Return the encoder compiled by JAX."""
    import jax

    from robot_rl.vision.jax_encoder import encode_cameras

    params = {name: jax.numpy.asarray(array) for name, array in encoder.params.items()}
    return partial(jax.jit(partial(encode_cameras, architecture=encoder.architecture, owners=owners)), params)


def _in_torch(encoder: EncoderFile, owners: tuple[str, ...]) -> Callable[[tuple[np.ndarray, ...], np.ndarray], Any]:
    """Return the encoder in PyTorch, for a computer without JAX."""
    import torch

    from robot_rl.vision.torch_encoder import encode_cameras

    params = {name: torch.tensor(array) for name, array in encoder.params.items()}
    return partial(encode_cameras, params, architecture=encoder.architecture, owners=owners)
