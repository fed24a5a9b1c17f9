"""Images as compressed bytes: without loss in recorded episodes, small in a stream of steps."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from robot_rl.core.errors import CorruptRecordError

JPEG_QUALITY = 95


def compress(image: np.ndarray, lossless: bool = False) -> np.ndarray:
    """Return an image as PNG, or as JPEG of full colour resolution.

    Shapes: image (H, W, 3) uint8; returns (bytes,) uint8.
    """
    buffer = io.BytesIO()
    if lossless:
        Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    else:
        Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def decompress(data: np.ndarray) -> np.ndarray:
    """Return the image (H, W, 3) uint8 in compressed bytes.

    Raises:
        CorruptRecordError: not a PNG or JPEG image.
    """
    try:
        with Image.open(io.BytesIO(data.tobytes()), formats=("PNG", "JPEG")) as image:
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise CorruptRecordError(f"image: got {len(data)} bytes, expected a PNG or JPEG image ({error}).") from error


def decompressed(frames: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return compressed frames as images (H, W, 3) uint8, by camera."""
    return {camera: decompress(data) for camera, data in frames.items()}
