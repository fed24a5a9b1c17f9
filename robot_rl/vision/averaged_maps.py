"""Frozen encoders that run in PyTorch: the averaged last maps of a network."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.vision.architecture import MAX_SHIFT

TRANSITION_BYTES_MAX = 40_000
"""Features of one transition: a replay of 100,000 then takes 4 GB."""


@dataclass(frozen=True)
class MapNetwork:
    """A network up to its last maps, and the images that its weights were trained on."""

    maps: Callable[[Any], Any]
    """Tensors (V, 3, h, w), standardised, to maps (V, C, h', w')."""
    weights: Mapping[str, Any]
    """Name -> tensor."""
    channels: int
    """Channels C of the maps."""
    mean: tuple[float, ...]
    """Of the images, in 0..1, by colour."""
    std: tuple[float, ...]
    size: tuple[int, int] | None
    """Rows and columns of the images; None: any."""
    antialias: bool = False
    """Whether images are averaged as they become smaller."""


class AveragedMaps:
    """Encoder of the averaged last maps of a network.

    Args:
        network: the network with its weights.
        cameras: cameras whose images it encodes.
        variants: encodings V of each frame, the first without random shift.
        grid: places in each direction to which maps are averaged.
        settings: in words, part of the identity.

    Raises:
        ConfigError: the features of a transition would be larger than `TRANSITION_BYTES_MAX`.
    """

    def __init__(self, network: MapNetwork, cameras: tuple[str, ...], variants: int, grid: int, settings: str) -> None:
        self.cameras, self.variants = tuple(sorted(cameras)), variants
        self._network, self._grid, self._settings = network, grid, settings
        size = 2 * len(cameras) * variants * self.feature_count
        if size > TRANSITION_BYTES_MAX:
            raise ConfigError(
                f"image encoder: got {size / 1000:.0f} kB of features a transition ({self.feature_count} numbers a "
                f"camera and variant), expected {TRANSITION_BYTES_MAX // 1000} kB or less; take fewer "
                "--vision.variants, a smaller grid or another model."
            )

    @cached_property
    def identity(self) -> str:
        """SHA-256 of weights and preprocessing."""
        normalisation = (self._network.mean, self._network.std)
        digest = hashlib.sha256(f"{self._settings} {MAX_SHIFT} {normalisation}".encode())
        for name, tensor in sorted(self._network.weights.items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    @property
    def feature_count(self) -> int:
        """Features F a camera and variant."""
        return self._network.channels * self._grid**2

    def encode(self, images: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Encode one frame of all cameras. Shapes: (H, W, 3) uint8 by camera; returns (V, F) float16 by camera.

        Raises:
            SchemaMismatchError: a missing camera.
        """
        if missing := [camera for camera in self.cameras if camera not in images]:
            raise SchemaMismatchError(
                f"image of camera {missing[0]!r}: got none, expected one; see the task's cameras."
            )
        offsets = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, (len(self.cameras), self.variants, 2), dtype=np.int64)
        offsets[:, 0] = 0
        return {
            camera: self._encode(images[camera], shifts) for camera, shifts in zip(self.cameras, offsets, strict=True)
        }

    def _encode(self, image: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return the averaged last maps of an image, shifted. Shapes: (H, W, 3), (V, 2) -> (V, F) float16."""
        import torch
        from torch.nn import functional

        from robot_rl.vision.torch_encoder import shift_images

        network = self._network
        variants = torch.from_numpy(np.ascontiguousarray(image)).expand(len(offsets), *image.shape)
        pixels = shift_images(variants, torch.from_numpy(offsets)).float() / 255.0
        x = ((pixels - torch.tensor(network.mean)) / torch.tensor(network.std)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            if network.size is not None and network.size != tuple(x.shape[2:]):
                x = functional.interpolate(x, network.size, mode="bilinear", antialias=network.antialias)
            maps = network.maps(x)  # (V, C, h, w)
            features: np.ndarray = functional.adaptive_avg_pool2d(maps, self._grid).flatten(1).half().numpy()
        return features
