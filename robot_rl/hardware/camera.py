"""What an environment knows of a camera, simulated or real."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np


class Frame(NamedTuple):
    """One picture: image (H, W, 3) uint8 RGB and the monotonic time stamp of its exposure [ns]."""

    image: np.ndarray
    stamp_ns: int


class Camera(Protocol):
    """A named source of pictures of one size."""

    name: str
    height: int
    width: int

    def read(self) -> Frame:
        """The newest picture, without waiting for the next one."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
