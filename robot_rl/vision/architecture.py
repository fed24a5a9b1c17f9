"""Image encoders: architecture and file format; numpy only, translations live with their backends.

A stack of convolutions ends in one map per channel. The readout is the place and value of each map's maximum:

    x_c, y_c = sum_ij softmax(map_c / softmax_temperature)_ij (x_ij, y_ij)     x, y in [-1, 1]
    m_c      = max_ij map_c

so that C channels give 3 C features, in the order x_1..x_C, y_1..y_C, m_1..m_C.

File: safetensors, `<camera>/conv<i>/kernel` and `<camera>/conv<i>/bias` (or `shared/...` for all cameras), with a goal
read-out its weights as `goal/...`, and in the header's metadata under `encoder` a JSON object {architecture, cameras,
dataset_card, pose}.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.settings import from_json, to_json
from robot_rl.vision.goal_reader import PREFIX, GoalReader, PoseEntry

SHARED = "shared"
READOUTS = ("soft_argmax_max",)
MAX_SHIFT = 4
"""Largest random shift of an image [pixels]. Source: HIL-SERL, random crop with padding 4."""
TRAINING_COMMAND = "robot-rl train-encoder"


@dataclass(frozen=True)
class ConvLayer:
    """One convolution with a square kernel and padding that keeps size / stride."""

    kernel: int = 3
    """Width and height of the kernel [pixels]."""
    stride: int = 1
    """Step of the kernel [pixels]."""
    channels: int = 32
    """Output channels of the layer."""
    relu: bool = True
    """Whether max(0, x) follows."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "kernel", "stride", "channels")


@dataclass(frozen=True)
class EncoderArchitecture:
    """Architecture of an encoder. The default has 32 channels and 96 features a camera."""

    height: int = 128
    """Height of the images [pixels]."""
    width: int = 128
    """Width of the images [pixels]."""
    layers: tuple[ConvLayer, ...] = (ConvLayer(5, 2, 16), ConvLayer(3, 2, 32), ConvLayer(3, 1, 32))
    """The convolutions, first to last."""
    pool: int = 1
    """Images are first averaged over blocks of pool x pool pixels; 1 keeps them."""
    readout: str = "soft_argmax_max"
    """Readout of the maps; `soft_argmax_max` is the only one."""
    softmax_temperature: float = 1.0
    """Divides the maps before the soft-argmax; a smaller value approaches the argmax."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ConfigError("encoder layers: got none, expected at least one ConvLayer; add one.")
        checks.one_of(self, READOUTS, "readout")
        checks.positive(self, "softmax_temperature")
        if self.pool < 1 or self.height % self.pool or self.width % self.pool:
            raise ConfigError(
                f"encoder pool: got {self.pool} for images of {self.height}x{self.width}, expected a divisor of "
                "both; choose another pool or size."
            )

    @property
    def feature_count(self) -> int:
        """Features a camera: x, y and max of each channel of the last layer."""
        return 3 * self.layers[-1].channels

    def kernel_shapes(self) -> list[tuple[int, int, int, int]]:
        """Return the kernels' shapes (height, width, channels in, channels out), first layer first."""
        channels = [3, *(layer.channels for layer in self.layers)]
        return [(layer.kernel, layer.kernel, channels[i], layer.channels) for i, layer in enumerate(self.layers)]


@dataclass(frozen=True)
class EncoderFile:
    """Encoder read from a file."""

    architecture: EncoderArchitecture
    params: dict[str, np.ndarray]
    """`<camera or shared>/conv<i>/kernel` (h, w, in, out) and `.../bias` (out,), float32."""
    cameras: tuple[str, ...] = ()
    """Cameras of the training images."""
    dataset_card: dict[str, Any] = field(default_factory=dict)
    """Training data, settings and probe error, for people."""
    goal: GoalReader | None = None
    """Goal read-out, where it has one."""

    @cached_property
    def identity(self) -> str:
        """Digest of all that determines the features: weights, architecture, and the random shifts."""
        digest = hashlib.sha256(json.dumps([to_json(self.architecture), MAX_SHIFT], sort_keys=True).encode())
        reader = {} if self.goal is None else {PREFIX + name: array for name, array in self.goal.weights.items()}
        for name, array in sorted((self.params | reader).items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, np.float32).data)
        return digest.hexdigest()

    def owner(self, camera: str) -> str:
        """Return the prefix of a camera's weights: its own if the file has them, else `shared`.

        Raises:
            UnknownNameError: neither is in the file.
        """
        owners = {name.split("/", 1)[0] for name in self.params}
        for prefix in (camera, SHARED):
            if prefix in owners:
                return prefix
        raise unknown_name("encoder camera", camera, owners)


def encoder_parameter_shapes(architecture: EncoderArchitecture, prefix: str = SHARED) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the weights under one prefix, in order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, shape in enumerate(architecture.kernel_shapes()):
        shapes[f"{prefix}/conv{i}/kernel"] = shape
        shapes[f"{prefix}/conv{i}/bias"] = shape[-1:]
    return shapes


def save_encoder(path: Path | str, encoder: EncoderFile) -> None:
    """Write an encoder's file atomically.

    Raises:
        ConfigError: weights that do not fit the architecture.
    """
    check_encoder(encoder)
    path = Path(path)
    header = {
        "architecture": to_json(encoder.architecture),
        "cameras": list(encoder.cameras),
        "dataset_card": encoder.dataset_card,
    }
    params = dict(encoder.params)
    if encoder.goal is not None:
        header["pose"] = to_json(encoder.goal.pose)
        params |= {PREFIX + name: array for name, array in encoder.goal.weights.items()}
    arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in params.items()}
    part = path.with_name(path.name + ".part")
    save_file(arrays, part, metadata={"encoder": json.dumps(header, sort_keys=True)})
    os.replace(part, path)


def load_encoder(path: Path | str) -> EncoderFile:
    """Read an encoder's file.

    Raises:
        ConfigError: no such file, not safetensors, not an encoder, or weights that do not fit its architecture.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"encoder: got {str(path)!r}, expected a file; train it with `{TRAINING_COMMAND}`.")
    try:
        with safe_open(path, framework="numpy") as opened:
            header = json.loads((opened.metadata() or {})["encoder"])
        params = load_file(path)
        architecture = from_json(EncoderArchitecture, header["architecture"], "encoder architecture")
        goal = _goal_reader(params, header.get("pose"))
        params = {name: array for name, array in params.items() if not name.startswith(PREFIX)}
        cameras, card = tuple(map(str, header.get("cameras", ()))), dict(header.get("dataset_card", {}))
        encoder = EncoderFile(architecture, params, cameras, card, goal)
        check_encoder(encoder)
        return encoder
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, SafetensorError) as error:
        raise ConfigError(
            f"encoder: got {str(path)!r}, expected safetensors with the metadata `encoder` ({error!r:.200}); "
            f"train it with `{TRAINING_COMMAND}`."
        ) from error


def _goal_reader(params: dict[str, np.ndarray], pose: Any) -> GoalReader | None:
    if pose is None:
        return None
    weights = {name.removeprefix(PREFIX): array for name, array in params.items() if name.startswith(PREFIX)}
    return GoalReader(weights, tuple(from_json(PoseEntry, entry, "goal read-out: pose") for entry in pose))


def check_encoder(encoder: EncoderFile) -> None:
    """Check that the weights are finite and exactly those of the architecture, for each prefix.

    Raises:
        ConfigError: a missing, unknown, misshapen or non-finite array.
    """
    prefixes: Sequence[str] = sorted({name.split("/", 1)[0] for name in encoder.params})
    expected: dict[str, tuple[int, ...]] = {}
    for prefix in prefixes or [SHARED]:
        expected.update(encoder_parameter_shapes(encoder.architecture, prefix))
    for name in sorted(expected.keys() | encoder.params.keys()):
        array, shape = encoder.params.get(name), expected.get(name)
        got = None if array is None else tuple(array.shape)
        if got != shape:
            raise ConfigError(f"encoder weight {name!r}: got {got}, expected {shape}; train the encoder again.")
        if array is not None and not np.isfinite(array).all():
            raise ConfigError(f"encoder weight {name!r}: got NaN or infinity, expected numbers; train it again.")


def random_encoder(architecture: EncoderArchitecture, seed: int, prefix: str = SHARED) -> dict[str, np.ndarray]:
    """Return random initial weights: He's normal kernels, zero biases, float32."""
    rng = np.random.default_rng(seed)
    params: dict[str, np.ndarray] = {}
    for name, shape in encoder_parameter_shapes(architecture, prefix).items():
        std = np.sqrt(2.0 / np.prod(shape[:-1])) if name.endswith("kernel") else 0.0
        params[name] = (std * rng.standard_normal(shape)).astype(np.float32)
    return params
