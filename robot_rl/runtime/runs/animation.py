"""Animated GIF of a video's beginning, for a document."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import av
from PIL import Image

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.captions import MARKS

COLOURS = 112
"""Colours of the whole animation: fewer make a smaller file."""


def save_gif(video: Path, path: Path, seconds: float, width: int) -> None:
    """Write the first seconds of a video, `width` pixels wide, as a GIF that begins again at its end.

    Raises:
        ConfigError: no video, or one without frames.
    """
    if not video.is_file():
        raise ConfigError(f"gif: got no {video}, expected a video; evaluate the run with --video-episodes above 0.")
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        rate_hz = float(stream.average_rate or 10)
        frames = [
            Image.fromarray(frame.to_ndarray(format="rgb24"))
            for frame in islice(container.decode(stream), round(seconds * rate_hz))
        ]
    if not frames:
        raise ConfigError(f"gif: got {video} without frames, expected a video; evaluate the run again.")
    size = width, round(frames[0].height * width / frames[0].width)
    small = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    palette = _palette(small)
    drawn = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
    path.parent.mkdir(parents=True, exist_ok=True)
    times = {"duration": round(1000 / rate_hz), "loop": 0}
    drawn[0].save(path, format="GIF", save_all=True, append_images=drawn[1:], optimize=True, **times)


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """Return one palette for all frames, so that what does not move stays the same; outcomes keep their colours."""
    width, height = frames[0].size
    shown = [
        *frames[:: max(1, len(frames) // 6)],
        *(Image.new("RGB", (width, height), mark) for mark in MARKS.values()),
    ]
    together = Image.new("RGB", (width, height * len(shown)))
    for number, image in enumerate(shown):
        together.paste(image, (0, number * height))
    return together.quantize(COLOURS)
