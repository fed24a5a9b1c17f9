"""Frozen encoders that were trained on public images, by their names in timm: `--vision.kind pretrained`."""

import difflib
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, SchemaMismatchError, UnknownNameError
from robot_rl.vision.architecture import MAX_SHIFT
from robot_rl.vision.encoder import EncoderContext

TRANSITION_BYTES_MAX = 40_000
"""Features of one transition: a replay of 100,000 then takes 4 GB."""


@dataclass(frozen=True)
class PretrainedSettings:
    """Network and size of its features."""

    model: str = "resnet18"
    """Name in timm, such as resnet18, tf_efficientnet_lite0 or vit_small_patch14_dinov2.lvd142m."""
    grid: int = 2
    """The last maps are averaged to so many places in each direction: channels times grid^2 numbers a camera and
    variant."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "grid")


class Pretrained:
    """Network of timm, whose weights come from a file or, without one, from timm's download into its cache.

    Raises:
        ConfigError: timm is missing, the name is unknown, the weights are missing or those of another network, or the
            features of a transition would be larger than `TRANSITION_BYTES_MAX`.
    """

    Settings = PretrainedSettings

    def __init__(
        self, settings: PretrainedSettings, weights: Path | None, cameras: tuple[str, ...], variants: int
    ) -> None:
        self.cameras, self.variants, self._settings = tuple(sorted(cameras)), variants, settings
        self._network = _network(settings.model, weights)
        size = 2 * len(cameras) * variants * self.feature_count
        if size > TRANSITION_BYTES_MAX:
            raise ConfigError(
                f"pretrained: got {size / 1000:.0f} kB of features a transition ({self.feature_count} numbers a camera "
                f"and variant), expected {TRANSITION_BYTES_MAX // 1000} kB or less; take fewer --vision.variants, a "
                "smaller grid or another model."
            )

    @classmethod
    def open(cls, context: EncoderContext) -> Self:
        """Return the network of a name, with its weights."""
        return cls(context.settings, context.weights, context.cameras, context.variants)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of weights and preprocessing."""
        digest = hashlib.sha256(f"{self._settings} {MAX_SHIFT} {self._normalisation}".encode())
        for name, tensor in sorted(self._network.model.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    @property
    def feature_count(self) -> int:
        """Features F a camera and variant."""
        channels: int = self._network.feature_info.channels()[-1]
        return channels * self._settings.grid**2

    @property
    def _normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of the images in 0..1 that the weights were trained on."""
        return tuple(self._network.pretrained_cfg["mean"]), tuple(self._network.pretrained_cfg["std"])

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

        variants = torch.from_numpy(np.ascontiguousarray(image)).expand(len(offsets), *image.shape)
        mean, std = (torch.tensor(values) for values in self._normalisation)
        pixels = shift_images(variants, torch.from_numpy(offsets)).float() / 255.0
        x = ((pixels - mean) / std).permute(0, 3, 1, 2)
        with torch.inference_mode():
            if self._network.size is not None:
                x = functional.interpolate(x, self._network.size, mode="bilinear")
            maps = self._network(x)[-1]  # (V, C, h, w)
            features: np.ndarray = functional.adaptive_avg_pool2d(maps, self._settings.grid).flatten(1).half().numpy()
        return features


def import_timm() -> Any:
    """Return timm.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("timm") is None:
        raise ConfigError("pretrained: got no timm, expected it; run: pip install -e '.[vision]'.")
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # PyPI's torchvision beside a CPU build of PyTorch lacks its compiled operators. No encoder uses one, but its
        # import ends at the two that it describes to PyTorch, unless they are declared.
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", "() -> ()")
    import timm

    return timm


def _network(name: str, weights: Path | None) -> Any:
    """Return a network up to its last maps, with its weights."""
    timm = import_timm()
    known = {*timm.list_models(), *timm.list_models(pretrained=True)}
    if name not in known:
        nearest = ", ".join(map(repr, difflib.get_close_matches(name, known, n=3, cutoff=0.0)))
        raise UnknownNameError(
            f"model: got {name!r}, expected a name in timm {timm.__version__}; the nearest are {nearest}."
        )
    create = partial(timm.create_model, name, features_only=True, feature_cls="getter", out_indices=(-1,))
    try:
        try:  # transformers for any size: places in the image by interpolation
            network = create(pretrained=weights is None, dynamic_img_size=True, dynamic_img_pad=True)
            network.size = None
        except TypeError:
            network = create(pretrained=weights is None)
            fixed = network.pretrained_cfg["fixed_input_size"]
            network.size = network.pretrained_cfg["input_size"][1:] if fixed else None
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"pretrained: got no weights of {name} ({error}), expected a file; download it where there is a network, "
            f"as model.safetensors of timm/{name} at Hugging Face, and add --vision.encoder FILE."
        ) from error
    if weights is not None:
        _load(network.model, weights, name)
    return network.eval()


def _load(model: Any, path: Path, name: str) -> None:
    """Load a file of weights: safetensors, or what `torch.save` wrote, without unpickling objects."""
    import torch
    from safetensors.torch import load_file

    try:
        try:
            arrays = load_file(path)
        except SafetensorError:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            arrays = saved.get("state_dict", saved)
        missing = model.load_state_dict(arrays, strict=False).missing_keys
    except Exception as error:  # a file of another kind raises what its content happens to be taken for
        raise ConfigError(
            f"pretrained: got {path} ({error}), expected the weights of {name} as safetensors, or as .pth that holds "
            "nothing else; name the network by --vision.settings model NAME, or give its own weights."
        ) from error
    if missing:
        raise ConfigError(
            f"pretrained: got no {missing[0]} in {path}, expected the weights of {name}, which has {len(missing)} "
            "more than the file; name the network by --vision.settings model NAME, or give its own weights."
        )
