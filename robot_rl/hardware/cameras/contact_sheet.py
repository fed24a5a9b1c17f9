"""Contact sheet of all cameras in one labelled image, for choosing crops."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.views import Crop, View, apply

ROW_HEIGHT, LABEL_HEIGHT, GAP = 480, 28, 12
TICK_EVERY, TICK_LENGTH = 50, 8
TITLE = "robot-rl look: drag a crop, s writes it, q ends"
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


class Window:
    """The sheet on a screen; crops are dragged over the whole images."""

    def __init__(self, labels: dict[str, str], views: dict[str, View]) -> None:
        self._labels, self.views = labels, dict(views)
        self.crops: dict[str, Crop] = {}
        self._images: dict[str, np.ndarray] = {}
        self._start: tuple[int, int] | None = None
        cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)
        cv2.setMouseCallback(TITLE, self.drag)

    def show(self, images: dict[str, np.ndarray]) -> str:
        """Show images and return the key pressed meanwhile, or an empty text."""
        self._images = images
        rows = [Sheet(self._labels[name], image, self.views[name]) for name, image in images.items()]
        cv2.imshow(TITLE, contact_sheet(rows)[..., ::-1])
        key = cv2.waitKey(1)
        return chr(key & 0xFF) if key >= 0 else ""

    def drag(self, event: int, x: int, y: int, flags: int = 0, context: object = None) -> None:
        """Take a mouse event; the end of a drag sets the crop of the camera where it began."""
        if event == cv2.EVENT_LBUTTONDOWN:
            self._start = x, y
        if event != cv2.EVENT_LBUTTONUP or self._start is None:
            return
        start, self._start = self._start, None
        name = list(self._images)[min(start[1] // (LABEL_HEIGHT + ROW_HEIGHT), len(self._images) - 1)]
        crop = dragged_crop(self._images[name].shape[:2], self.views[name], start, (x, y))
        if crop is not None:
            self.crops[name], self.views[name] = crop, replace(self.views[name], crop=crop)

    def close(self) -> None:
        """Close the window."""
        cv2.destroyWindow(TITLE)


def dragged_crop(size: tuple[int, int], view: View, start: tuple[int, int], end: tuple[int, int]) -> Crop | None:
    """Return the crop from one point of a sheet's row to another, with the proportions of what the policy sees.

    Args:
        size: height and width of the camera's image.
    """
    (height, width), row = size, LABEL_HEIGHT + ROW_HEIGHT
    top_px = start[1] // row * row + LABEL_HEIGHT
    x, y = (sorted((a, b)) for a, b in zip(start, end, strict=True))
    left, right = (min(max(round(at * height / ROW_HEIGHT), 0), width) for at in x)
    top, bottom = (min(max(round((at - top_px) * height / ROW_HEIGHT), 0), height) for at in y)
    high, wide = view.size or (bottom - top, right - left)
    scale = min((bottom - top) / max(high, 1), (right - left) / max(wide, 1))
    return Crop(left, top, round(wide * scale), round(high * scale)) if scale * min(high, wide) >= 1.0 else None
