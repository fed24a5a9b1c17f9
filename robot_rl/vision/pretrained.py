"""Frozen encoders that were trained on public images, by their public names: `--vision.kind pretrained`."""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.vision.architecture import MAX_SHIFT
from robot_rl.vision.encoder import EncoderContext

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
"""Public name -> basic blocks of each stage."""
CHANNELS = (64, 128, 256, 512)


@dataclass(frozen=True)
class PretrainedSettings:
    """Network and size of its features."""

    model: str = "resnet18"
    """resnet18 or resnet34."""
    grid: int = 2
    """The last maps are averaged to so many places in each direction: 512 grid^2 numbers a camera and variant."""

    def __post_init__(self) -> None:
        checks.one_of(self, tuple(BLOCKS), "model")
        checks.at_least(self, 1, "grid")


class Pretrained:
    """Residual network whose weights come from a file with the public names of its parameters.

    Raises:
        ConfigError: PyTorch is missing, or the weights are missing or those of another network.
    """

    Settings = PretrainedSettings

    def __init__(self, settings: PretrainedSettings, weights: Path, cameras: tuple[str, ...], variants: int) -> None:
        if importlib.util.find_spec("torch") is None:
            raise ConfigError("pretrained: got no PyTorch, expected it; run: pip install -e '.[torch]'.")
        self.cameras, self.variants, self._settings = tuple(sorted(cameras)), variants, settings
        self._weights = _load(weights, settings.model)

    @classmethod
    def open(cls, context: EncoderContext) -> Self:
        """Return the network of a file of weights."""
        model = context.settings.model
        if context.weights is None:
            raise ConfigError(
                f"pretrained: got no weights of {model}, expected a safetensors file; download it, as "
                f"model.safetensors of timm/{model}.tv_in1k at Hugging Face, and add --vision.encoder FILE."
            )
        return cls(context.settings, context.weights, context.cameras, context.variants)

    @cached_property
    def identity(self) -> str:
        """Digest of weights and preprocessing."""
        digest = hashlib.sha256(f"{self._settings} {MAX_SHIFT}".encode())
        for name, array in sorted(self._weights.items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def feature_count(self) -> int:
        """Features F a camera and variant."""
        return CHANNELS[-1] * self._settings.grid**2

    @cached_property
    def _params(self) -> Mapping[str, Any]:
        import torch  # with the first image: shapes and identity need none

        return {name: torch.from_numpy(array) for name, array in self._weights.items()}

    def encode(self, images: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Encode one frame of all cameras. Shapes: (H, W, 3) uint8 by camera; returns (V, F) float16 by camera.

        Raises:
            SchemaMismatchError: a missing camera.
        """
        from robot_rl.vision.torch_resnet import encode_shifted

        if missing := [camera for camera in self.cameras if camera not in images]:
            raise SchemaMismatchError(
                f"image of camera {missing[0]!r}: got none, expected one; see the task's cameras."
            )
        offsets = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, (len(self.cameras), self.variants, 2), dtype=np.int64)
        offsets[:, 0] = 0
        model = BLOCKS[self._settings.model], self._settings.grid
        return {
            camera: encode_shifted(self._params, images[camera], shifts, *model)
            for camera, shifts in zip(self.cameras, offsets, strict=True)
        }


def parameter_shapes(model: str) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the parameters that a network uses; those of its classifier are not among them."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7)} | _norm_shapes("bn1", 64)
    before = CHANNELS[0]
    for stage, (count, channels) in enumerate(zip(BLOCKS[model], CHANNELS, strict=True), 1):
        for number in range(count):
            name = f"layer{stage}.{number}"
            shapes[f"{name}.conv1.weight"] = (channels, before, 3, 3)
            shapes[f"{name}.conv2.weight"] = (channels, channels, 3, 3)
            shapes |= _norm_shapes(f"{name}.bn1", channels) | _norm_shapes(f"{name}.bn2", channels)
            if before != channels:
                shapes[f"{name}.downsample.0.weight"] = (channels, before, 1, 1)
                shapes |= _norm_shapes(f"{name}.downsample.1", channels)
            before = channels
    return shapes


def _norm_shapes(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def _load(path: Path, model: str) -> dict[str, np.ndarray]:
    """Return the network's parameters of a file, as float32."""
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"pretrained: got {path} ({error}), expected safetensors with the weights of {model}; a .pth file holds "
            "pickled objects and is not read: convert it with safetensors.torch.save_file."
        ) from error
    for name, shape in parameter_shapes(model).items():
        got = arrays[name].shape if name in arrays else None
        if got != shape:
            raise ConfigError(
                f"pretrained: got {name} {got} in {path}, expected {shape} of {model}; name the network by "
                "--vision.settings model NAME, or give its own weights."
            )
    return {name: np.asarray(arrays[name], np.float32) for name in parameter_shapes(model)}
