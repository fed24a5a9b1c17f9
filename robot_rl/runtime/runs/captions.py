"""Captions and grids of images for people: a green bar is a success, a red one is none, and the text says it, too."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GREEN, RED, INK, PAPER = (35, 134, 54), (190, 50, 50), (245, 247, 249), (22, 27, 34)
MARKS = {True: GREEN, False: RED}
"""Colour of an outcome."""
BAR = 24
"""Height of a cell's line of text [pixels]."""
GAP = 6
WIDTH_MIN = 320
"""Width that a caption needs [pixels]."""


def captioned(image: np.ndarray, text: str, outcome: bool | None = None, bar: int = BAR) -> np.ndarray:
    """Return an image under a line of text, on the colour of an outcome where there is one.

    Shapes: image (H, W, 3) uint8; returns (H + bar, W, 3) uint8.
    """
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (width, height + bar), PAPER)
    canvas.paste(Image.fromarray(image), (0, bar))
    draw = ImageDraw.Draw(canvas)
    if outcome is not None:
        draw.rectangle((0, 0, width, bar - 1), fill=MARKS[outcome])
    draw.text((bar // 2, bar // 2), text, INK, _font(bar * 3 // 5), anchor="lm")
    return np.asarray(canvas)


def enlarged(image: np.ndarray, width: int = WIDTH_MIN) -> np.ndarray:
    """Return an image at least as wide as `width`, each pixel repeated."""
    factor = max(1, -(-width // image.shape[1]))
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)


def with_column(image: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Return an image with others one above the other at its right, as high together as it is."""
    if not others:
        return image
    height, count = image.shape[0], len(others)
    heights = [height * (i + 1) // count - height * i // count for i in range(count)]
    width = max(round(other.shape[1] * high / other.shape[0]) for other, high in zip(others, heights, strict=True))
    cells = [
        np.asarray(Image.fromarray(other).resize((width, high), Image.Resampling.BICUBIC))
        for other, high in zip(others, heights, strict=True)
    ]
    return np.concatenate([image, np.concatenate(cells)], axis=1)


def beside(images: Sequence[np.ndarray], height: int) -> np.ndarray:
    """Return images side by side at one height (height, W, 3) uint8."""
    scaled = [
        Image.fromarray(image).resize((round(image.shape[1] * height / image.shape[0]), height), Image.Resampling.BOX)
        for image in images
    ]
    return np.concatenate([np.asarray(image) for image in scaled], axis=1)


def grid(cells: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Return cells (H, W, 3) uint8, each as large as the largest, in rows of `columns` with gaps between them."""
    height, width = (max(cell.shape[axis] for cell in cells) for axis in (0, 1))
    rows = -(-len(cells) // columns)
    canvas = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), PAPER, np.uint8)
    for index, cell in enumerate(cells):
        top, left = GAP + index // columns * (height + GAP), GAP + index % columns * (width + GAP)
        canvas[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return canvas


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
