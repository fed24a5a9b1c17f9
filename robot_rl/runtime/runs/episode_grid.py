"""Grid of recorded episodes: their last images as PNG, or all of them playing at once as a video."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.formats import Episode
from robot_rl.data.health import camera_images
from robot_rl.data.overview import Row
from robot_rl.runtime.runs.captions import beside, captioned, grid
from robot_rl.runtime.runs.video import VideoWriter

WIDTH = 1400
"""Aim for the width of the grid [pixels]."""
CELL_HEIGHTS = (64, 200)
END_FRAMES = 10
"""Frames for which a video holds its end."""


@dataclass(frozen=True)
class Clip:
    """An episode's cell: the images of its cameras side by side, (H, W, 3) uint8 each, and its caption."""

    frames: Sequence[np.ndarray]
    text: str
    success: bool

    def cell(self, time: int) -> np.ndarray:
        """Return the cell at a step; from its end on it shows the last image and the outcome."""
        ended = time >= len(self.frames) - 1
        verdict = ("success" if self.success else "no success") if ended else ""
        text = f"{self.text}  {verdict}"
        return captioned(self.frames[min(time, len(self.frames) - 1)], text, self.success if ended else None)


def cell_height(count: int) -> int:
    """Return the height of the images of `count` episodes of about two square cameras each [pixels]."""
    low, high = CELL_HEIGHTS
    return int(np.clip(WIDTH // (2 * columns(count)), low, high))


def columns(count: int) -> int:
    """Return the number of columns of a grid: twice as wide as high, for cells that are twice as wide as high."""
    return max(1, math.ceil(math.sqrt(count)))


def make_clip(row: Row, episode: Episode, height: int, whole: bool) -> Clip | None:
    """Return an episode's clip, None without cameras.

    Args:
        whole: all images; false: only the last one.
    """
    images = camera_images(episode.steps if whole else episode.steps[-1:])
    if not images:
        return None
    frames = [beside(together, height) for together in zip(*images.values(), strict=False)]
    return Clip(frames, f"{row.number}: {row.steps} steps", row.success)


def save_thumbnails(path: Path, clips: Sequence[Clip]) -> None:
    """Write the last image of each episode into one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid([clip.cell(len(clip.frames)) for clip in clips], columns(len(clips)))).save(path)


def save_video(path: Path, clips: Sequence[Clip]) -> None:
    """Write a video in which all episodes play at once, in real time."""
    with VideoWriter(path, 1.0 / PERIOD_S, scale=1) as writer:
        for frame in _frames(clips):
            writer.add(frame)


def _frames(clips: Sequence[Clip]) -> Iterator[np.ndarray]:
    for time in range(max(len(clip.frames) for clip in clips) + END_FRAMES):
        yield grid([clip.cell(time) for clip in clips], columns(len(clips)))
