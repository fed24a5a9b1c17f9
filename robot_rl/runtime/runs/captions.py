"""Captions and grids of images for people: green marks a success, red a failure, and the text says it, too."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GREEN, RED, GREY, INK, PAPER = (46, 160, 67), (214, 63, 63), (110, 118, 129), (240, 243, 246), (22, 27, 34)
MARKS = {True: GREEN, False: RED, None: GREY}
"""Colour of an outcome; None: none yet."""
BAR = 24
"""Height of a cell's line of text [pixels]."""
GAP = 6


def captioned(image: np.ndarray, text: str, outcome: bool | None = None, bar: int = BAR) -> np.ndarray:
    """Return an image under a line of text, with the mark of an outcome at its left.

    Shapes: image (H, W, 3) uint8; returns (H + bar, W, 3) uint8.
    """
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (width, height + bar), PAPER)
    canvas.paste(Image.fromarray(image), (0, bar))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, bar // 4, bar), fill=MARKS[outcome])
    draw.text((bar // 2, bar // 2), text, INK, _font(bar * 3 // 5), anchor="lm")
    return np.asarray(canvas)


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
