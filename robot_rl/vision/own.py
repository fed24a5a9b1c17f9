"""Train an image encoder from a lab's own recordings, without labels (`robot-rl eyes`).

One loss is summed over the chosen targets; f are the features of a frame shifted by `offset`, s the arms' own pose:
    pose            rounded |A (f, offset) - s|                 tool pose and finger, linear in the features
    reconstruction  w |D(f, offset, s) - thumbnail|^2           w: deviation from the median image and from the next one
    contrast        -log softmax(-|Z(f, offset, s) - c|^2)      which episode, among learned centres c
The decoder D and the embedding Z see the pose, so that what is left for the features is what the pose does not
explain: the object. What stays in an episode and differs elsewhere, the scene, identifies it; Z has few
dimensions and can hold little but places. All heads are discarded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.vision.architecture import EncoderArchitecture, EncoderFile, random_encoder
from robot_rl.vision.fit import fit
from robot_rl.vision.jax_encoder import Params, apply_encoder, shift_images
from robot_rl.vision.recordings import Recording
from robot_rl.vision.training_config import OwnConfig

SHIFT = 4  # pixels of random shift
ROUNDING = 0.02  # of the pose's loss, in standard deviations
THUMBNAIL, HIDDEN, EMBEDDING = 32, 128, 8  # pixels; units of the decoder; dimensions of the episode's embedding
FLAT_WEIGHT = 0.02  # of pixels that look like the median image


@dataclass(frozen=True)
class _Fixed:
    """Constants of one camera's loss."""

    config: OwnConfig
    architecture: EncoderArchitecture
    camera: str
    median: np.ndarray = field(repr=False)  # (H, W, 3) float32


def train_own(
    config: OwnConfig, recording: Recording, progress: Callable[[int, float], None] = lambda n, loss: None
) -> EncoderFile:
    """Return an encoder of the recording's cameras."""
    height, width = next(iter(recording.images.values())).shape[1:3]
    architecture = EncoderArchitecture(height, width, config.layers)
    params: dict[str, np.ndarray] = {}
    for camera in recording.images:
        params |= _train_camera(config, architecture, camera, recording, progress)
    card = {"data": "own recordings", "frames": len(recording.poses), "episodes": len(set(recording.episodes.tolist()))}
    card |= {"targets": list(config.targets), "steps": config.steps, "seed": config.seed}
    return EncoderFile(architecture, params, tuple(recording.images), card)


def _train_camera(
    config: OwnConfig,
    architecture: EncoderArchitecture,
    camera: str,
    recording: Recording,
    progress: Callable[[int, float], None],
) -> dict[str, np.ndarray]:
    images, following = recording.images[camera], recording.following()
    poses = (recording.poses - recording.poses.mean(0)) / (recording.poses.std(0) + 1e-3)
    names, episodes = np.unique(recording.episodes, return_inverse=True)
    median = np.median(images[:: max(1, len(images) // 300)], axis=0).astype(np.float32)
    rng = np.random.default_rng(config.seed)

    def draw() -> dict[str, np.ndarray]:
        rows = rng.integers(0, len(images), config.batch)
        offsets = rng.integers(-SHIFT, SHIFT + 1, (config.batch, 2))
        batch = {"images": images[rows], "poses": poses[rows], "episodes": episodes[rows], "offsets": offsets}
        return batch | ({"later": images[following[rows]]} if "reconstruction" in config.targets else {})

    loss = partial(_loss, fixed=_Fixed(config, architecture, camera, median))
    params = random_encoder(architecture, config.seed, camera)
    heads = _heads(architecture.feature_count, poses.shape[1], len(names), config.seed)
    start = {name: jnp.asarray(value, jnp.float32) for name, value in (params | heads).items()}
    trained = fit(start, loss, draw, config.steps, config.learning_rate, progress)
    return {name: trained[name] for name in params}


def _heads(features: int, poses: int, episodes: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed + 1)
    shapes = {
        "pose": (features + 2, poses),
        "decoder0": (features + 2 + poses, HIDDEN),
        "decoder1": (HIDDEN, THUMBNAIL * THUMBNAIL * 3),
        "embedding0": (features + 2 + poses, HIDDEN),
        "embedding1": (HIDDEN, EMBEDDING),
    }
    heads = {f"{name}/kernel": rng.normal(0.0, 1.0 / np.sqrt(shape[0]), shape) for name, shape in shapes.items()}
    biases = {f"{name}/bias": np.zeros(shape[1]) for name, shape in shapes.items()}
    return heads | biases | {"centres": rng.normal(0.0, 1.0, (episodes, EMBEDDING))}


def _loss(params: Params, batch: Params, fixed: _Fixed) -> jax.Array:
    images = shift_images(batch["images"].astype(jnp.float32), batch["offsets"], SHIFT)
    features = apply_encoder(params, images, fixed.architecture, fixed.camera)
    seen = jnp.concatenate([features, batch["offsets"] / SHIFT], axis=1)
    losses = [_LOSSES[name](params, seen, images, batch, fixed) for name in fixed.config.targets]
    return jnp.stack(losses).sum()


def _pose(params: Params, seen: jax.Array, images: jax.Array, batch: Params, fixed: _Fixed) -> jax.Array:
    miss = _dense(params, "pose", seen) - batch["poses"]
    return (jnp.sqrt(jnp.square(miss) + ROUNDING**2) - ROUNDING).mean()


def _reconstruction(params: Params, seen: jax.Array, images: jax.Array, batch: Params, fixed: _Fixed) -> jax.Array:
    median = jnp.broadcast_to(fixed.median, images.shape)
    views = (images, *(shift_images(x.astype(jnp.float32), batch["offsets"], SHIFT) for x in (median, batch["later"])))
    now, still, later = (_thumbnails(view) for view in views)
    weight = jnp.abs(now - still).mean(-1, keepdims=True) + jnp.abs(now - later).mean(-1, keepdims=True) + FLAT_WEIGHT
    weight = weight / weight.mean((1, 2, 3), keepdims=True)
    rebuilt = still + _mlp(params, "decoder", jnp.concatenate([seen, batch["poses"]], axis=1)).reshape(now.shape)
    return RECONSTRUCTION_WEIGHT * (weight * jnp.square(rebuilt - now)).mean()


def _contrast(params: Params, seen: jax.Array, images: jax.Array, batch: Params, fixed: _Fixed) -> jax.Array:
    z = _mlp(params, "embedding", jnp.concatenate([seen, batch["poses"]], axis=1))
    distance = jnp.square(z[:, None] - params["centres"]).sum(-1)  # (B, episodes)
    log_p = jax.nn.log_softmax(-distance, axis=1)
    return -CONTRAST_WEIGHT * jnp.take_along_axis(log_p, batch["episodes"][:, None], axis=1).mean()


RECONSTRUCTION_WEIGHT, CONTRAST_WEIGHT = 3.0, 0.3
_LOSSES: Mapping[str, Callable[[Params, jax.Array, jax.Array, Params, _Fixed], jax.Array]] = {
    "pose": _pose,
    "reconstruction": _reconstruction,
    "contrast": _contrast,
}
"""Name -> loss."""


def _dense(params: Params, name: str, x: jax.Array) -> jax.Array:
    return x @ params[f"{name}/kernel"] + params[f"{name}/bias"]


def _mlp(params: Params, name: str, x: jax.Array) -> jax.Array:
    return _dense(params, f"{name}1", jax.nn.relu(_dense(params, f"{name}0", x)))


def _thumbnails(images: jax.Array) -> jax.Array:
    """Return images averaged to at most 32 x 32 pixels, in 0..1. Shapes: (B, H, W, 3) -> (B, h, w, 3)."""
    b = images.shape[0]
    return jax.image.resize(images, (b, THUMBNAIL, THUMBNAIL, 3), "linear") / 255.0
