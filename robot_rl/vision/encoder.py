"""Frozen image encoders: one file each, and one line each in `ENCODERS`.

An encoder is a class with a class method `open(context)`, which returns an `Encoder`. It may have:

    Settings    frozen dataclass of its settings, given as `--vision.settings NAME VALUE ...`
    readouts    name -> numbers K of further entries (V, K) float16 that `encode` returns, which an agent sees, too
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.extensions import resolve
from robot_rl.core.records import Observation
from robot_rl.core.settings import from_text

ENCODERS = {
    "conv": "robot_rl.vision.frozen:FrozenEncoder",
    "pretrained": "robot_rl.vision.pretrained:Pretrained",
    "resnet10": "robot_rl.vision.resnet10:ResNet10",
}
"""Name -> `module:Class`."""
GROUP = "robot_rl.encoders"
"""Entry points under which other packages register theirs."""


class Encoder(Protocol):
    """A frozen encoder; each camera frame is encoded once, on arrival."""

    cameras: tuple[str, ...]
    variants: int

    @property
    def identity(self) -> str:
        """Digest of weights and preprocessing: equal identities, equal features of equal images."""

    @property
    def feature_count(self) -> int:
        """Numbers F a camera and variant."""

    def encode(self, images: Observation, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return (V, F) float16 by camera, variant 0 without random shift, from an observation with images."""


@dataclass(frozen=True)
class EncoderContext:
    """Inputs of an encoder that is opened."""

    cameras: tuple[str, ...]
    """Cameras whose images it encodes."""
    variants: int
    """Encodings V of each frame."""
    weights: Path | None = None
    """File of its weights; None: its own."""
    settings: Any = None
    """An instance of the encoder's `Settings`."""


@dataclass(frozen=True)
class _NoSettings:
    """Settings of an encoder that has none."""


def open_encoder(name: str, settings: Mapping[str, str], context: EncoderContext) -> Encoder:
    """Return an encoder by name, `module:Class` or `path/to/file.py:Class`.

    Args:
        settings: texts by name, as from the command line.

    Raises:
        ConfigError: an unknown encoder, something that is none, or settings or weights that do not fit.
    """
    kind = resolve("image encoder", name, ENCODERS, GROUP)
    if not callable(getattr(kind, "open", None)):
        raise ConfigError(f"image encoder: got {name!r}, expected a class with `open(context)`; see docs/extending.md.")
    own = from_text(getattr(kind, "Settings", _NoSettings), settings, f"settings of {name}")
    encoder: Encoder = kind.open(replace(context, settings=own))
    return encoder


def check_views(encoder: Encoder, seen: Mapping[str, str], name: str) -> None:
    """Check that the cameras show what an encoder was trained on, where it says so by `views`.

    Args:
        seen: size and crop of each camera, in words.

    Raises:
        ConfigError: the first difference, with both sides.
    """
    trained: Mapping[str, str] = getattr(encoder, "views", {})
    for camera in sorted(trained.keys() & seen.keys()):
        if trained[camera] != seen[camera]:
            raise ConfigError(
                f"encoder: got {name} for camera {camera}: {trained[camera]}, expected {seen[camera]}, which the task "
                "sees; learn one from recordings of this view, or give the task its old crop."
            )
