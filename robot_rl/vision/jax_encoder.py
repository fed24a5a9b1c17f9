"""Image encoder in JAX: the pure function, random shifts, and the actor's frozen encoder."""

from collections.abc import Mapping
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

from robot_rl.vision.architecture import MAX_SHIFT, SHARED, EncoderArchitecture

Params = Mapping[str, jax.Array]


def apply_encoder(
    params: Params, images: jax.Array, architecture: EncoderArchitecture, prefix: str = SHARED
) -> jax.Array:
    """Encode images.

    Shapes: images (B, H, W, 3), uint8 or float in 0..255; returns (B, 3 C) float32.
    """
    return soft_argmax_max(encoder_maps(params, images, architecture, prefix), architecture.softmax_temperature)


def encoder_maps(
    params: Params, images: jax.Array, architecture: EncoderArchitecture, prefix: str = SHARED
) -> jax.Array:
    """Return the last layer's maps.

    Shapes: images (B, H, W, 3), uint8 or float in 0..255; returns (B, h, w, C) float32.
    """
    x = mean_pool(images.astype(jnp.float32) / 255.0 - 0.5, architecture.pool)
    for i, layer in enumerate(architecture.layers):
        kernel, bias = params[f"{prefix}/conv{i}/kernel"], params[f"{prefix}/conv{i}/bias"]
        x = convolve(x, kernel, layer.stride) + bias
        x = jax.nn.relu(x) if layer.relu else x
    return x


def convolve(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Convolve with padding that keeps size / stride.

    Written as a sum of shifted matrix products where the sizes allow: XLA's own gradient with respect to a kernel costs
    three times as much on a CPU, the forward pass the same.

    Shapes: x (B, H, W, I), kernel (k, k, I, O); returns (B, H / stride, W / stride, O).
    """
    b, h, w, _ = x.shape
    k, _, _, o = kernel.shape
    if k % stride or h % stride or w % stride:
        strides = (stride, stride)
        return lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    before = (k - stride) // 2
    around = (before, k - stride - before)
    x = _to_depth(jnp.pad(x, ((0, 0), around, around, (0, 0))), stride)
    taps, h, w = k // stride, h // stride, w // stride
    kernel = kernel.reshape(taps, stride, taps, stride, -1, o).transpose(0, 2, 1, 3, 4, 5).reshape(taps, taps, -1, o)
    parts = [
        (x[:, i : i + h, j : j + w].reshape(b * h * w, -1), kernel[i, j]) for i in range(taps) for j in range(taps)
    ]
    products = [jnp.matmul(part, tap) for part, tap in parts]
    return reduce(jnp.add, products).reshape(b, h, w, o)


def _to_depth(x: jax.Array, block: int) -> jax.Array:
    """Move blocks of pixels into channels. Shapes: (B, H, W, C) -> (B, H / block, W / block, block block C)."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // block, block, w // block, block, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // block, w // block, block * block * c)


def mean_pool(images: jax.Array, factor: int) -> jax.Array:
    """Average blocks of factor x factor pixels. Shapes: (B, H, W, C) -> (B, H / factor, W / factor, C)."""
    if factor == 1:
        return images
    b, h, w, c = images.shape
    return images.reshape(b, h // factor, factor, w // factor, factor, c).mean((2, 4))


def soft_argmax_max(maps: jax.Array, temperature: float = 1.0) -> jax.Array:
    """Read out the place and value of each map's maximum.

    Shapes: maps (B, h, w, C); returns (B, 3 C): x, then y in [-1, 1], then the maximum, each for all channels.
    """
    b, h, w, c = maps.shape
    weight = jax.nn.softmax(maps.reshape(b, h * w, c) / temperature, axis=1).reshape(b, h, w, c)
    x = jnp.einsum("bwc,w->bc", weight.sum(1), jnp.linspace(-1.0, 1.0, w))
    y = jnp.einsum("bhc,h->bc", weight.sum(2), jnp.linspace(-1.0, 1.0, h))
    return jnp.concatenate([x, y, maps.max((1, 2))], axis=1)


def shift_images(images: jax.Array, offsets: jax.Array, max_shift: int = MAX_SHIFT) -> jax.Array:
    """Shift each image by its own whole pixels; uncovered borders repeat the edge.

    Shapes: images (B, H, W, C), offsets (B, 2) int (down, right) in -max_shift..max_shift; returns (B, H, W, C).
    """
    pad = max_shift
    padded = jnp.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")

    def crop(image: jax.Array, offset: jax.Array) -> jax.Array:
        return lax.dynamic_slice(image, (pad - offset[0], pad - offset[1], 0), images.shape[1:])

    return jax.vmap(crop)(padded, offsets)


def encode_cameras(
    params: Params,
    images: tuple[jax.Array, ...],
    offsets: jax.Array,
    architecture: EncoderArchitecture,
    owners: tuple[str, ...],
) -> jax.Array:
    """Encode each camera clean and shifted: images of (H, W, 3), offsets (cameras, V, 2) -> (cameras, V, F) float16."""
    stacked = jnp.stack(images)  # (cameras, H, W, 3)
    variants = offsets.shape[1]
    shifted = shift_images(jnp.repeat(stacked, variants, axis=0), offsets.reshape(-1, 2))
    shifted = shifted.reshape(len(images), variants, *stacked.shape[1:])
    features: list[jax.Array] = [jnp.empty(0)] * len(images)
    for owner in dict.fromkeys(owners):
        # Cameras with the same weights go through the convolutions as one batch.
        mine = [i for i, name in enumerate(owners) if name == owner]
        batch = jnp.concatenate([shifted[i] for i in mine])
        encoded = apply_encoder(params, batch, architecture, owner).reshape(len(mine), variants, -1)
        for i, feature in zip(mine, encoded, strict=True):
            features[i] = feature
    return jnp.stack(features).astype(jnp.float16)
