"""Learn an image encoder from a lab's own recordings, without labels (`robot-rl eyes`).

Candidates are linear detectors of image patches p, each of an example e drawn where images differ from the median one:

    m(p) = gain scale w . (p - mean),     w = C^-1 (e - mean) / |e - mean|_{C^-1},     C = cov(p)

so that a detector answers with one variance over all patches, and best to those like its example. Source: exemplar LDA
(Hariharan, Malik and Ramanan 2012). Place and value of each detector's maximum are the features. Those are kept, one by
one, that say most about the goal of successful episodes beside the tool's pose and the ones kept before (orthogonal
matching pursuit, Pati et al. 1993). It takes seconds on one core.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.vision.architecture import ConvLayer, EncoderArchitecture, EncoderFile
from robot_rl.vision.probe import encode_images
from robot_rl.vision.recordings import Recording

POOL, PATCH, STRIDE = 2, 8, 2  # pixels averaged; the others in pixels after that
GRID, FRAMES, PATCHES = 4, 200, 20_000  # of the sample of patches: pixels between them, frames, patches for C
RIDGE_C, RIDGE_FEATURES = 1e-3, 0.02


@dataclass(frozen=True)
class OwnConfig:
    """Settings of an encoder's training on recordings.

    Raises:
        ConfigError: a number out of its range.
    """

    channels: int = 32
    """Detectors a camera; each gives three features."""
    candidates: int = 128
    """Detectors a camera among which they are chosen."""
    frames: int = 700
    """Frames of successful episodes on which they are chosen."""
    gain: float = 3.0
    """Standard deviation of a detector's map in temperatures; a large one makes the soft maximum a hard one."""
    scale: float = 1.0
    """Temperature of the soft maximum, and factor of the maps: it changes no place, which lies in [-1, 1]. With 0.04
    maxima vary about as much as places, which a small network then reads better, and no policy did; docs/results.md."""
    seed: int = 0
    """Seeds the examples and the choice of frames."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "channels", "frames")
        checks.at_least(self, self.channels, "candidates")
        checks.positive(self, "gain", "scale")


def train_own(config: OwnConfig, recording: Recording, progress: Callable[[], None] = lambda: None) -> EncoderFile:
    """Return an encoder of the recording's cameras.

    Args:
        progress: called after each camera.

    Raises:
        ConfigError: no episode succeeded.
    """
    known = np.flatnonzero(~np.isnan(recording.goals).any(1))
    if not len(known):
        raise ConfigError("recordings: got no episode with success, expected some; record demonstrations.")
    rng = np.random.default_rng(config.seed)
    rows = rng.choice(known, min(config.frames, len(known)), replace=False)
    height, width = next(iter(recording.images.values())).shape[1:3]
    params: dict[str, np.ndarray] = {}
    for camera, images in recording.images.items():
        detectors = _detectors(camera, images, config, rng)
        encoder = EncoderFile(_architecture(height, width, config.candidates, config.scale), detectors)
        features = encode_images(encoder, camera, images[rows]).reshape(len(rows), 3, -1).transpose(2, 0, 1)
        kept = choose(features, recording.poses[rows], recording.goals[rows], config.channels)
        params |= {name: array[..., kept] for name, array in detectors.items()}
        progress()
    card = {"data": "own recordings", "frames": len(recording.poses), "episodes": len(set(recording.episodes.tolist()))}
    card |= {"goals": len(known), "seed": config.seed}
    architecture = _architecture(height, width, config.channels, config.scale)
    return EncoderFile(architecture, params, tuple(recording.images), card)


def choose(features: np.ndarray, poses: np.ndarray, goals: np.ndarray, count: int) -> np.ndarray:
    """Return the indices (count,) of the detectors that together say most about the goals beside the poses.

    Shapes: features (C, N, 3), poses (N, P), goals (N, G).
    """
    features, poses, goals = (_standardised(x, axis) for x, axis in ((features, 1), (poses, 0), (goals, 0)))
    basis = np.linalg.qr(np.column_stack([poses, np.ones(len(poses))]))[0]
    ridge = RIDGE_FEATURES * len(goals) * np.eye(features.shape[2])
    kept: list[int] = []
    while len(kept) < count:
        new = features - basis @ (basis.T @ features)
        products = new.transpose(0, 2, 1) @ (goals - basis @ (basis.T @ goals))  # (C, 3, G)
        gain = (products * np.linalg.solve(new.transpose(0, 2, 1) @ new + ridge, products)).sum((1, 2))
        gain[kept] = -np.inf
        kept.append(int(gain.argmax()))
        basis = np.linalg.qr(np.column_stack([basis, new[kept[-1]]]))[0]
    return np.array(kept)


def _detectors(camera: str, images: np.ndarray, config: OwnConfig, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the weights of all candidates of a camera."""
    some = images[np.sort(rng.choice(len(images), min(FRAMES, len(images)), replace=False))]
    deviation = np.abs(some - np.median(some, axis=0).astype(np.float32)).mean(-1, keepdims=True)
    patches = _patches(some / np.float32(255.0) - np.float32(0.5))
    interest = np.square(_patches(deviation).mean(1))
    mean = patches.mean(0)
    sample = patches[rng.choice(len(patches), min(PATCHES, len(patches)), replace=False)]
    covariance = np.cov(sample.T) + RIDGE_C * np.eye(patches.shape[1])
    examples = patches[rng.choice(len(patches), config.candidates, p=interest / interest.sum())] - mean
    weights = np.linalg.solve(covariance, examples.T)  # (D, C)
    weights *= config.gain * config.scale / np.sqrt((weights * examples.T).sum(0))
    kernel = weights.reshape(PATCH, PATCH, 3, -1).astype(np.float32)
    return {f"{camera}/conv0/kernel": kernel, f"{camera}/conv0/bias": (-mean @ weights).astype(np.float32)}


def _patches(images: np.ndarray) -> np.ndarray:
    """Return patches of pooled images, flat: (N, H, W, c) -> (n, PATCH PATCH c)."""
    n, h, w, c = images.shape
    pooled = images.reshape(n, h // POOL, POOL, w // POOL, POOL, c).mean((2, 4))
    windows = sliding_window_view(pooled, (PATCH, PATCH), axis=(1, 2))[:, ::GRID, ::GRID]  # (N, h, w, c, P, P)
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, PATCH * PATCH * c)


def _standardised(values: np.ndarray, axis: int) -> np.ndarray:
    scaled: np.ndarray = (values - values.mean(axis, keepdims=True)) / (values.std(axis, keepdims=True) + 1e-3)
    return scaled


def _architecture(height: int, width: int, channels: int, scale: float) -> EncoderArchitecture:
    layers = (ConvLayer(PATCH, STRIDE, channels, relu=False),)
    return EncoderArchitecture(height, width, layers, pool=POOL, softmax_temperature=scale)
