"""View of a camera's image that the policy sees: crop, resize, age limit.

The same for every kind of camera, so that a policy does not notice which library delivered its images.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError, StaleObservationError
from robot_rl.core.tasks import Crop as Crop
from robot_rl.hardware.cameras.camera import Intrinsics

MAX_AGE_S = 0.2
"""Two steps of a 10 Hz policy: one image may be lost, two may not."""
ADVICE = "see `robot-rl doctor cameras`."
CLOCK_SLACK_NS = 20_000_000
"""A stamp may lie so far ahead of the reader's clock: conversions between clocks are not exact."""


@dataclass(frozen=True)
class View:
    """Crop and size of an image.

    Raises:
        ConfigError: a size that is none.
    """

    crop: Crop | None = None
    """Rectangle of the camera's image; None: the largest one in its middle with the shape of `size`, so that nothing
    is distorted. Source: `robot-rl look` draws the images to choose from."""
    size: tuple[int, int] | None = (128, 128)
    """Return height and width of what is seen [pixels]; None: as large as the crop. Source: HIL-SERL, 128 x 128."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "size")

    def window(self, height: int, width: int) -> Crop:
        """Return the rectangle that is used of an image of `height` x `width`.

        Raises:
            ConfigError: it does not lie within the image.

        Example:
            >>> View(size=(128, 128)).window(480, 640)
            Crop(left=80, top=0, width=480, height=480)
        """
        if self.crop is None:
            return _middle(height, width, self.size or (height, width))
        crop = self.crop
        if crop.left + crop.width > width or crop.top + crop.height > height:
            raise ConfigError(
                f"crop: got {crop}, expected a rectangle within the {width} x {height} image; "
                "choose it with `robot-rl look`."
            )
        return crop

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of what is seen of an image of `height` x `width`."""
        window = self.window(height, width)
        return self.size or (window.height, window.width)


def check_age(name: str, stamp_ns: int, now_ns: int, max_age_s: float, why: str = ADVICE) -> None:
    """Refuse an image that is too old, or comes from the future: the stamp of a clock that is not this one.

    Units: ns, monotonic; max_age_s from exposure to use.

    Args:
        why: what is known about the reason, or what to do; ends the error's text.

    Raises:
        StaleObservationError: it must not be used.
    """
    age_ns = now_ns - stamp_ns
    if not -CLOCK_SLACK_NS <= age_ns <= max_age_s * NS_PER_S:
        raise StaleObservationError(
            f"{name}: got an image {age_ns / NS_PER_S:.3f} s old, expected at most {max_age_s} s; hold the arm: {why}"
        )


def apply(view: View, image: np.ndarray) -> np.ndarray:
    """Crop and resize an image; pixels are averaged by area, so that small things do not flicker.

    Shapes: (H, W, 3) uint8 -> (*view.shape(H, W), 3) uint8, contiguous, never the camera's own memory.
    """
    return _resized(view, image, "INTER_AREA")


def apply_depth(view: View, depth_mm: np.ndarray) -> np.ndarray:
    """As `apply`, without averaging: between an edge and what lies behind it there is no surface.

    Shapes: (H, W) uint16 -> view.shape(H, W) uint16.
    """
    return _resized(view, depth_mm, "INTER_NEAREST_EXACT")


def apply_intrinsics(view: View, intrinsics: Intrinsics) -> Intrinsics:
    """The camera that would have taken the cropped, resized image.

    cx' = (cx - left + 1/2) s - 1/2 with s = width' / width of the crop: pixels count from their centres.
    """
    window = view.window(intrinsics.height, intrinsics.width)
    height, width = view.shape(intrinsics.height, intrinsics.width)
    sx, sy = width / window.width, height / window.height
    return intrinsics._replace(
        height=height,
        width=width,
        fx=intrinsics.fx * sx,
        fy=intrinsics.fy * sy,
        cx=(intrinsics.cx - window.left + 0.5) * sx - 0.5,
        cy=(intrinsics.cy - window.top + 0.5) * sy - 0.5,
    )


def _resized(view: View, image: np.ndarray, interpolation: str) -> np.ndarray:
    window = view.window(*image.shape[:2])
    part = image[window.top : window.top + window.height, window.left : window.left + window.width]
    height, width = view.shape(*image.shape[:2])
    if part.shape[:2] == (height, width):
        return part.copy()
    import cv2  # an image as it is rendered or delivered does without

    return cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=getattr(cv2, interpolation))


@lru_cache(maxsize=64)  # looked up for each image
def _middle(height: int, width: int, size: tuple[int, int]) -> Crop:
    scale = min(height / size[0], width / size[1])
    tall, wide = min(height, round(size[0] * scale)), min(width, round(size[1] * scale))
    return Crop((width - wide) // 2, (height - tall) // 2, max(1, wide), max(1, tall))
