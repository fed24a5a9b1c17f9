"""Train the simulator's image encoder from random scenes (`robot-rl train-encoder`).

Some channels of the last layer are supervised: channel k is trained to peak at the k-th key point of the scene's labels
(a box, a hole, a tip); the others are free.
    loss = weight cross entropy(softmax of channel k's map, key point k)   where it is in the image
         + mean sqrt(miss^2 + d^2) - d                                     miss = head(features) - coordinate
         + mean miss^2                                                     miss = head(features) - turn, presence
         + weight mean (rebuilt - thumbnail)^2                             what has no label
A linear head makes the features hold geometry in a form that a small policy can use. Both heads are discarded.
Coordinates count by their distance, not its square: an image in which the object is hidden must not outweigh the pixel
that decides an insertion.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from robot_rl.sim.random_scenes import LABELS, RandomScenes
from robot_rl.sim.scene import CAMERAS
from robot_rl.vision.architecture import EncoderFile, random_encoder
from robot_rl.vision.fit import fit
from robot_rl.vision.jax_encoder import Params, apply_encoder, encoder_maps, shift_images, soft_argmax_max
from robot_rl.vision.training_config import PretrainConfig

COORDINATES = np.array([name.endswith(("_u", "_v")) for name in LABELS])
ROUNDING = 0.02  # d of the loss: errors below 1.3 of 128 pixels count by their square
SHIFT = 4  # pixels of random shift; labels move along
KEY_POINTS = tuple(name.removesuffix("_u") for name in LABELS if name.endswith("_u"))
KEY_POINT_WEIGHT, REBUILD_WEIGHT = 0.3, 0.2  # [1/nat] of the key points' cross entropy; of the thumbnail
THUMBNAIL = 16  # pixels of the reconstruction


@dataclass(frozen=True)
class Dataset:
    """Training data of one camera: images (N, H, W, 3) uint8, labels (N, L) float32 with NaN where absent."""

    images: np.ndarray
    labels: np.ndarray


def draw_datasets(config: PretrainConfig, progress: Callable[[int], None] = lambda n: None) -> dict[str, Dataset]:
    """Render `config.scenes` random scenes for each camera."""
    size = (config.architecture.height, config.architecture.width)
    images = {c: np.empty((config.scenes, *size, 3), np.uint8) for c in CAMERAS}
    labels = {c: np.empty((config.scenes, len(LABELS)), np.float32) for c in CAMERAS}
    scenes, rng = RandomScenes(*size), np.random.default_rng(config.seed)
    for number in range(config.scenes):
        scene = scenes.draw(rng)
        for camera in CAMERAS:
            images[camera][number], labels[camera][number] = scene.images[camera], scene.labels[camera]
        progress(1)
    scenes.close()
    return {c: Dataset(images[c], labels[c]) for c in CAMERAS}


def train_camera(
    config: PretrainConfig, camera: str, data: Dataset, progress: Callable[[int, float], None] = lambda n, loss: None
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Train one camera's weights; returns them and each label's root mean square error on held-out scenes."""
    held_out = max(1, len(data.images) // 10)
    rng = np.random.default_rng(config.seed)

    def draw() -> dict[str, np.ndarray]:
        rows = rng.integers(held_out, len(data.images), config.batch)
        offsets = rng.integers(-SHIFT, SHIFT + 1, (config.batch, 2))
        return {"images": data.images[rows], "labels": data.labels[rows], "offsets": offsets}

    loss = partial(_loss, config=config, camera=camera)
    params = fit(_init(config, camera), loss, draw, config.steps, config.learning_rate, progress)
    errors = _evaluate(config, camera, params, Dataset(data.images[:held_out], data.labels[:held_out]))
    return {name: value for name, value in params.items() if name.startswith(camera)}, errors


def train_encoder(
    config: PretrainConfig, datasets: dict[str, Dataset], progress: Callable[[int, float], None] = lambda n, loss: None
) -> EncoderFile:
    """Train all cameras; returns the encoder with its card (training data and errors)."""
    params: dict[str, np.ndarray] = {}
    card: dict[str, object] = {name: getattr(config, name) for name in ("scenes", "steps", "seed")}
    card["data"] = "random scenes"
    for camera, data in datasets.items():
        weights, errors = train_camera(config, camera, data, progress)
        params |= weights
        card[f"{camera}_rms_error"] = {name: round(error, 4) for name, error in errors.items()}
    return EncoderFile(config.architecture, params, tuple(datasets), card)


def _init(config: PretrainConfig, camera: str) -> dict[str, jax.Array]:
    features = config.architecture.feature_count
    rng = np.random.default_rng(config.seed + 1)
    head = {
        "head/kernel": rng.normal(0, 0.1, (features, len(LABELS))),
        "head/bias": np.zeros(len(LABELS)),
        "rebuild/kernel": rng.normal(0, 0.02, (features, THUMBNAIL * THUMBNAIL * 3)),
        "rebuild/bias": np.zeros(THUMBNAIL * THUMBNAIL * 3),
    }
    params = random_encoder(config.architecture, config.seed, camera) | head
    return {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}


def _shift_labels(labels: jax.Array, offsets: jax.Array, size: int) -> jax.Array:
    down, right = offsets[:, 0] * 2.0 / size, offsets[:, 1] * 2.0 / size
    moves = [right if n.endswith("_u") else down if n.endswith("_v") else 0.0 * down for n in LABELS]
    return labels + jnp.stack(moves, axis=1)


def _thumbnails(images: jax.Array) -> jax.Array:
    b, h, w, c = images.shape
    small = images.reshape(b, THUMBNAIL, h // THUMBNAIL, THUMBNAIL, w // THUMBNAIL, c).mean((2, 4))
    return small.reshape(b, -1) / 255.0


def _loss(params: Params, batch: Params, config: PretrainConfig, camera: str) -> jax.Array:
    offsets = batch["offsets"]
    images = shift_images(batch["images"].astype(jnp.float32), offsets, SHIFT)
    maps = encoder_maps(params, images, config.architecture, camera)
    features = soft_argmax_max(maps, config.architecture.softmax_temperature)
    labels = _shift_labels(batch["labels"], offsets, config.architecture.width)
    known = ~jnp.isnan(labels)
    miss = features @ params["head/kernel"] + params["head/bias"] - jnp.where(known, labels, 0.0)
    label_loss = jnp.where(known, _cost(jnp.where(known, miss, 0.0)), 0.0).sum() / known.sum()
    rebuilt = features @ params["rebuild/kernel"] + params["rebuild/bias"]
    rebuild_loss = jnp.mean((rebuilt - _thumbnails(images)) ** 2)
    return KEY_POINT_WEIGHT * _key_point_loss(maps, labels) + label_loss + REBUILD_WEIGHT * rebuild_loss


def _cost(miss: jax.Array) -> jax.Array:
    """Return the cost of missing labels (B, L): of coordinates the rounded distance, of others the square."""
    square = jnp.square(miss)
    return jnp.where(COORDINATES, jnp.sqrt(square + ROUNDING**2) - ROUNDING, square)


def _key_point_loss(maps: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross entropy of the first channels' softmax with each key point, spread over the four cells around it.

    Shapes: maps (B, h, w, C), labels (B, L); the soft-argmax counts cells as points from -1 to 1.
    """
    b, h, w, _ = maps.shape
    log_p = jax.nn.log_softmax(maps[..., : len(KEY_POINTS)].reshape(b, h * w, -1), axis=1).reshape(b, h, w, -1)
    u = labels[:, [LABELS.index(f"{name}_u") for name in KEY_POINTS]]  # (B, K)
    v = labels[:, [LABELS.index(f"{name}_v") for name in KEY_POINTS]]
    known = ~(jnp.isnan(u) | jnp.isnan(v))
    column = jnp.where(known, (u + 1.0) / 2.0 * (w - 1), 0.0)
    row = jnp.where(known, (v + 1.0) / 2.0 * (h - 1), 0.0)
    near_column = jax.nn.relu(1.0 - jnp.abs(column[:, None] - jnp.arange(w)[:, None]))  # (B, w, K)
    near_row = jax.nn.relu(1.0 - jnp.abs(row[:, None] - jnp.arange(h)[:, None]))
    inside = jnp.einsum("bhwk,bhk,bwk->bk", log_p, near_row, near_column)
    return -jnp.where(known, inside, 0.0).sum() / known.sum()


def _evaluate(config: PretrainConfig, camera: str, params: dict[str, np.ndarray], data: Dataset) -> dict[str, float]:
    """Return the root mean square error of each label that the images show."""
    encode = jax.jit(partial(apply_encoder, architecture=config.architecture, prefix=camera))
    parts = [np.asarray(encode(params, part)) for part in np.array_split(data.images, max(1, len(data.images) // 200))]
    miss = np.concatenate(parts) @ np.asarray(params["head/kernel"]) + np.asarray(params["head/bias"]) - data.labels
    known = ~np.isnan(miss)  # with few scenes a label may be missing from all of them
    errors = {name: miss[known[:, i], i] for i, name in enumerate(LABELS) if known[:, i].any()}
    return {name: float(np.sqrt(np.square(error).mean())) for name, error in errors.items()}
