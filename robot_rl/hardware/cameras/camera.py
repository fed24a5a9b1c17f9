"""Protocol of a camera, simulated or real."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np


class Frame(NamedTuple):
    """One image: image (H, W, 3) uint8 RGB and the monotonic time stamp of its exposure [ns]."""

    image: np.ndarray
    stamp_ns: int


class DepthFrame(NamedTuple):
    """One image with the distance of each of its pixels along the optical axis.

    Units: depth_mm in millimetres, 0 where nothing was measured; stamp_ns monotonic, of the exposure.
    """

    image: np.ndarray  # (H, W, 3) uint8 RGB
    depth_mm: np.ndarray  # (H, W) uint16
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


@runtime_checkable
class DepthCamera(Camera, Protocol):
    """A camera that also measures distance, in the pixels of its colour image."""

    def read_depth(self) -> DepthFrame:
        """Return the newest image with its depth, taken together; as `read` otherwise."""

    def intrinsics(self) -> Intrinsics | None:
        """Return the intrinsics of the images as they are read; None before the device reported them."""
