"""Cameras of a LeRobotDataset that are kept as video: the frames of one episode."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

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
