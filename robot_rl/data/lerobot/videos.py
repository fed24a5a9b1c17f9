"""Cameras of a LeRobotDataset that are kept as video: the frames of one episode.

Source: lerobot 0.4.4, datasets/video_utils.py: yuv420p, a key frame every second frame, constant quality.
"""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.core.errors import ConfigError, unknown_name

VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
PIXELS = "yuv420p"


class Encoder(NamedTuple):
    """An encoder of FFmpeg, and its options."""

    name: str
    options: Mapping[str, str]


KEY_FRAMES = {"g": "2"}
"""A key frame every second frame: any frame is found by decoding at most two."""
ENCODERS = {
    "av1": Encoder("libsvtav1", KEY_FRAMES | {"crf": "30", "preset": "8"}),
    "h264": Encoder("libx264", KEY_FRAMES | {"crf": "20", "bf": "0"}),
}
"""Codec -> its encoder."""
SLACK = 0.5
"""Part of a frame's period by which its time may differ from that of its row."""


def video_names(features: Mapping[str, Any]) -> list[str]:
    """Return the columns that are videos."""
    return [name for name, feature in features.items() if feature["dtype"] == "video"]


def read_videos(folder: Path, info: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
    """Return the frames (T) of each video column in one episode, (H, W, 3) uint8 each.

    Args:
        row: the episode's, which names file and time within it.

    Raises:
        ValueError: fewer frames than the episode has rows.
        OSError: no such file, or no video.
    """
    found = {}
    for name in video_names(info["features"]):
        place = {key: row[f"videos/{name}/{key}"] for key in ("chunk_index", "file_index")}
        path = folder / info["video_path"].format(video_key=name, **place)
        start_s = float(row[f"videos/{name}/from_timestamp"])
        found[name] = list(islice(_frames(path, start_s, float(info["fps"])), int(row["length"])))
        if len(found[name]) < row["length"]:
            raise ValueError(f"{len(found[name])} frames of {row['length']} in {path}")
    return found


def _frames(path: Path, start_s: float, rate_hz: float) -> Iterator[np.ndarray]:
    """Yield a video's frames from a time on."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        container.seek(int(start_s / stream.time_base), stream=stream)  # the key frame at or before it
        for frame in container.decode(stream):
            if frame.time is not None and frame.time > start_s - SLACK / rate_hz:
                yield frame.to_ndarray(format="rgb24")


def video_feature(image: np.ndarray, rate_hz: float, codec: str) -> dict[str, Any]:
    """Return what info.json says of a camera that is a video.

    Raises:
        UnknownNameError: an unknown codec.
        ConfigError: an odd number of rows or columns, which half as many of colour do not divide.
    """
    if codec not in ENCODERS:
        raise unknown_name("video", codec, ENCODERS)
    height, width, channels = image.shape
    if height % 2 or width % 2:
        raise ConfigError(f"video: got images of {height} x {width}, expected even numbers; export images instead.")
    info = {"height": height, "width": width, "codec": codec, "pix_fmt": PIXELS, "is_depth_map": False}
    info |= {"fps": rate_hz, "channels": channels}
    return {"dtype": "video", "info": {**{f"video.{name}": value for name, value in info.items()}, "has_audio": False}}


def codec_of(features: Mapping[str, Any]) -> str | None:
    """Return the codec of a dataset's videos, None where its cameras are images."""
    names = video_names(features)
    return str(features[names[0]].get("info", {}).get("video.codec", "av1")) if names else None


def encoded(images: Sequence[np.ndarray], rate_hz: int, codec: str) -> bytes:
    """Return images (T)(H, W, 3) uint8 as an mp4 file."""
    import av

    file, encoder = io.BytesIO(), ENCODERS[codec]
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream(encoder.name, rate=Fraction(rate_hz), options=dict(encoder.options))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = PIXELS
        with _scheduling_kept():
            stream.codec_context.open()
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


@contextmanager
def _scheduling_kept() -> Iterator[None]:
    """Keep the scheduling of this thread, and give it to the threads that a library starts meanwhile.

    SVT-AV1 sets SCHED_FIFO 99 where that is permitted, for its threads and for the one that opens it: above the control
    loop of an arm, for as long as the process lives.
    """
    if not hasattr(os, "sched_setscheduler"):  # Linux only
        yield
        return
    tasks = Path("/proc/self/task")
    before, policy, parameters = set(os.listdir(tasks)), os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in {*(set(os.listdir(tasks)) - before), "0"}:
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(int(thread), policy, parameters)
