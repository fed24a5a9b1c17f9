"""Contact sheet of all cameras in one labelled image, for choosing crops."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.views import View, apply

ROW_HEIGHT, LABEL_HEIGHT, GAP = 480, 28, 12
TICK_EVERY, TICK_LENGTH = 50, 8
BURNT = 250
"""Level from which a pixel is saturated: shorten the exposure."""
WHITE, GREY, FRAME = (255, 255, 255), (90, 90, 90), (255, 60, 60)


class Sheet(NamedTuple):
    """One row: a camera's whole image (H, W, 3) uint8 RGB, and what of it is used."""

    label: str
    image: np.ndarray
    view: View


def contact_sheet(rows: Sequence[Sheet]) -> np.ndarray:
    """Whole image with the crop drawn in and pixels ticked on the left, what the policy sees on the right.

    Shapes: (H, W, 3) uint8 RGB.
    """
    drawn = [_row(row) for row in rows]
    width = max(row.shape[1] for row in drawn)
    return np.vstack(
        [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=GREY[0]) for row in drawn]
    )


def save_png(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB. Raises: ConfigError, the path cannot be written."""
    _, data = cv2.imencode(".png", image[..., ::-1])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ConfigError(f"png: got {path} ({error.strerror}), expected a path that can be written.") from error


def _row(row: Sheet) -> np.ndarray:
    height, width = row.image.shape[:2]
    window = row.view.window(height, width)
    seen = apply(row.view, row.image)
    whole, enlarged = _scaled(_ticked(row.image), cv2.INTER_AREA), _scaled(seen, cv2.INTER_NEAREST)
    scale = ROW_HEIGHT / height
    corner = round(window.left * scale), round(window.top * scale)
    opposite = round((window.left + window.width) * scale) - 1, round((window.top + window.height) * scale) - 1
    cv2.rectangle(whole, corner, opposite, FRAME, 2)
    mean, burnt = seen.mean(), 100.0 * (seen.max(axis=2) >= BURNT).mean()
    text = (
        f"{row.label}   {width}x{height}, crop left {window.left} top {window.top} width {window.width} height "
        f"{window.height}   seen: {seen.shape[1]}x{seen.shape[0]}, mean {mean:.0f} of 255, {burnt:.0f} % burnt out"
    )
    gap = np.full((ROW_HEIGHT, GAP, 3), GREY, np.uint8)
    return np.vstack([_label(text, whole.shape[1] + GAP + enlarged.shape[1]), np.hstack([whole, gap, enlarged])])


def _scaled(image: np.ndarray, interpolation: int) -> np.ndarray:
    width = round(image.shape[1] * ROW_HEIGHT / image.shape[0])
    return cv2.resize(image, (width, ROW_HEIGHT), interpolation=interpolation)


def _ticked(image: np.ndarray) -> np.ndarray:
    """A ruler along the upper and left edge: short ticks each 50 pixels, long ones with a number each 100."""
    ruled = image.copy()
    height, width = image.shape[:2]
    for at in range(TICK_EVERY, max(height, width), TICK_EVERY):
        length = TICK_LENGTH * (1 if at % 100 else 2)
        if at < width:
            cv2.line(ruled, (at, 0), (at, length), WHITE, 1)
        if at < height:
            cv2.line(ruled, (0, at), (length, at), WHITE, 1)
        if at % 100 == 0:
            cv2.putText(ruled, str(at), (at + 3, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.4, WHITE, 1, cv2.LINE_AA)
            cv2.putText(ruled, str(at), (20, at + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, WHITE, 1, cv2.LINE_AA)
    return ruled


def _label(text: str, width: int) -> np.ndarray:
    strip = np.full((LABEL_HEIGHT, width, 3), GREY, np.uint8)
    cv2.putText(strip, text, (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, WHITE, 1, cv2.LINE_AA)
    return strip
