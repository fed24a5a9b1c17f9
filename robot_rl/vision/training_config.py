"""Settings of the encoders' trainings; the trainings themselves need jax."""

from dataclasses import dataclass, field

from robot_rl.core import checks
from robot_rl.core.errors import unknown_name
from robot_rl.vision.architecture import ConvLayer, EncoderArchitecture

TARGETS = ("pose", "reconstruction", "contrast")
# Receptive field of 48 pixels: enough to distinguish a hole from a corner when the hand is close.
LAYERS = (ConvLayer(8, 4, 16), ConvLayer(4, 2, 32), ConvLayer(3, 1, 32), ConvLayer(3, 1, 32, relu=False))


@dataclass(frozen=True)
class OwnConfig:
    """Settings of an encoder's training on recordings.

    Raises:
        ConfigError: an unknown target, or a number out of its range.
    """

    targets: tuple[str, ...] = ("pose", "reconstruction")
    """What is learned: pose, reconstruction, contrast."""
    steps: int = 1500
    """Optimiser steps for each camera."""
    batch: int = 32
    """Images a step; a multiple of 8."""
    learning_rate: float = 1.5e-2
    """Peak of Adam's one-cycle cosine schedule."""
    seed: int = 0
    """Seeds weights and batches."""
    layers: tuple[ConvLayer, ...] = LAYERS
    """The convolutions."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "steps")
        checks.at_least(self, 8, "batch")
        for name in self.targets:
            if name not in TARGETS:
                raise unknown_name("targets", name, TARGETS)


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of the encoder's training."""

    scenes: int = 24000
    """Random scenes rendered; a tenth of them is held out for evaluation."""
    steps: int = 9000
    """Optimiser steps for each camera."""
    batch: int = 32
    """Images a step; a multiple of 8."""
    learning_rate: float = 1.5e-2
    """Peak of Adam's one-cycle cosine schedule."""
    seed: int = 0
    """Seeds scenes, weights and batches."""
    architecture: EncoderArchitecture = field(default_factory=lambda: EncoderArchitecture(layers=LAYERS))
    """The encoder's layers."""
