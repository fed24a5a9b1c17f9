"""H.264 video of episodes, through PyAV."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from robot_rl.core.errors import SchemaMismatchError


class VideoWriter:
    """Writer of (H, W, 3) uint8 frames to an mp4 file that any browser plays.

    Args:
        path: the file; its folder is created.
        rate_hz: frames a second of the result.
        scale: integer factor by which frames are enlarged (nearest pixel).

    Raises:
        SchemaMismatchError: a frame that is not (H, W, 3) uint8, or of another size than the first.
    """

    def __init__(self, path: Path, rate_hz: float = 10.0, scale: int = 3) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.frames = 0
        self._scale = scale
        self._size: tuple[int, ...] | None = None
        self._container = av.open(str(path), "w", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1000))
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "20"}

    def add(self, image: np.ndarray) -> None:
        """Append one frame."""
        first = self._size is None
        self._check(image)
        large = np.repeat(np.repeat(image, self._scale, axis=0), self._scale, axis=1)
        even = np.pad(large, ((0, large.shape[0] % 2), (0, large.shape[1] % 2), (0, 0)), mode="edge")
        if first:  # the codec opens with the first frame and keeps its size
            self._stream.height, self._stream.width = even.shape[:2]
        self._write(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"))
        self.frames += 1

    def close(self) -> None:
        """Flush and close the file."""
        if self.frames:
            self._write(None)
        self._container.close()

    def _check(self, image: np.ndarray) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            got = f"{image.dtype}{list(image.shape)}"
            raise SchemaMismatchError(f"video frame: got {got}, expected uint8[H, W, 3]; convert the image.")
        if self._size not in (None, image.shape):
            raise SchemaMismatchError(
                f"video frame: got shape {image.shape}, expected {self._size} as before; use one file a camera layout."
            )
        self._size = image.shape

    def _write(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()
