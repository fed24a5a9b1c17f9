"""Images of foreign environments: which observations are images, and their size."""

from typing import Any

import numpy as np
from gymnasium.spaces import Space

CHANNELS = (1, 3)


def is_image(space: Space[Any]) -> bool:
    """Return whether an entry is an image: uint8, and its channels, one or three, first or last."""
    shape = space.shape or ()
    return space.dtype == np.uint8 and len(shape) == 3 and (shape[-1] in CHANNELS or shape[0] in CHANNELS)


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """Return an image as (size, size, 3) uint8; each pixel is the mean of those that it covers."""
    image = np.asarray(image)
    if image.shape[-1] not in CHANNELS:
        image = np.moveaxis(image, 0, -1)
    if image.shape[:2] != (size, size):
        rows, columns = _area_weights(image.shape[0], size), _area_weights(image.shape[1], size)
        image = np.rint(np.einsum("ih,hwc,jw->ijc", rows, image, columns, optimize=True))
    return np.array(np.broadcast_to(image, (size, size, 3)), np.uint8)


def _area_weights(before: int, after: int) -> np.ndarray:
    """Return (after, before) weights: the share of each old pixel in each new one; rows sum to 1."""
    edges = np.linspace(0.0, before, after + 1)
    pixels = np.arange(before)
    covered = np.minimum(edges[1:, None], pixels + 1.0) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(covered, 0.0) * (after / before)
