"""Protocol of a camera, simulated or real."""

from typing import NamedTuple, Protocol

import numpy as np


class Frame(NamedTuple):
    """One image: image (H, W, 3) uint8 RGB and the monotonic time stamp of its exposure [ns]."""

    image: np.ndarray
    stamp_ns: int


class Intrinsics(NamedTuple):
    """A pinhole camera: a point (x, y, z) in its optical frame appears at (fx x/z + cx, fy y/z + cy) before distortion.

    Units: pixels; the centre of the first pixel is (0, 0).
    """

    height: int
    width: int
    fx: float
    fy: float
    cx: float
    cy: float
    model: str = "plumb_bob"  # the distortion's name in ROS
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)


class Camera(Protocol):
    """A named source of images of one size."""

    name: str
    height: int
    width: int

    def read(self) -> Frame:
        """Return the newest image without waiting.

        Raises:
            DeviceLostError: there is none, as long as the device is away.
            StaleObservationError: the newest is older than the camera's bound (also a DeviceLostError).
        """

    def close(self) -> None:
        """Release the device."""
