"""Settings of the simulator's encoder's training; the training itself needs jax."""

from dataclasses import dataclass, field

from robot_rl.vision.architecture import ConvLayer, EncoderArchitecture

# Receptive field of 48 pixels: enough to distinguish a hole from a corner when the hand is close.
LAYERS = (ConvLayer(8, 4, 16), ConvLayer(4, 2, 32), ConvLayer(3, 1, 32), ConvLayer(3, 1, 32, relu=False))


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
