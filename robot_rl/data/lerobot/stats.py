"""Statistics of a LeRobotDataset: of each episode, and of all of them together.

Source: lerobot 0.4.4, datasets/compute_stats.py: min, max, mean, std, count and quantiles; of images by channel, in
[0, 1]. Quantiles of several episodes are the mean of theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robot_rl.data.image_codec import decompress
from robot_rl.data.lerobot.columns import Column

Statistics = dict[str, dict[str, Any]]
"""Column -> min, max, mean, std, count and quantiles, JSON-ready."""
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
PREFIX = "stats/"
PIXEL_STEP = 4
"""Every fourth pixel of an image counts in each direction."""


def statistics(columns: Mapping[str, Column]) -> Statistics:
    """Return column -> statistics of one episode, JSON-ready; texts have none."""
    return {name: _of_column(column) for name, column in columns.items() if column.feature["dtype"] != "language"}


def _of_column(column: Column) -> dict[str, Any]:
    count = len(column.values)
    if (kind := column.feature["dtype"]) in ("image", "video"):
        images = column.values if kind == "video" else map(decompress, column.values)
        pixels = [image[::PIXEL_STEP, ::PIXEL_STEP].reshape(-1, 3) / 255.0 for image in images]
        return _described(np.concatenate(pixels), count, (3, 1, 1))
    return _described(np.asarray(column.values, np.float64).reshape(count, -1), count, (-1,))


def _described(values: np.ndarray, count: int, shape: tuple[int, ...]) -> dict[str, Any]:
    found = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    found |= zip(QUANTILES, np.quantile(values, list(QUANTILES.values()), axis=0), strict=True)
    return {**{name: value.reshape(shape).tolist() for name, value in found.items()}, "count": [count]}


def row_statistics(row: Mapping[str, Any]) -> Statistics:
    """Return the statistics in an episode's row of meta/episodes."""
    found: Statistics = {}
    for key, value in row.items():
        if key.startswith(PREFIX):
            name, _, kind = key.removeprefix(PREFIX).rpartition("/")
            found.setdefault(name, {})[kind] = value
    return found


def merged(parts: Sequence[Statistics]) -> Statistics:
    """Return the statistics of all frames from those of parts of them."""
    names = sorted({name for part in parts for name in part})
    return {name: _merged([part[name] for part in parts if name in part]) for name in names}


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    count = np.array([part["count"][0] for part in parts], np.float64)
    means, stds = (np.array([part[key] for part in parts]) for key in ("mean", "std"))
    share = (count / count.sum()).reshape(-1, *[1] * (means.ndim - 1))
    mean = (share * means).sum(0)
    known = [name for name in QUANTILES if all(name in part for part in parts)]  # older datasets have none
    quantiles = {name: (share * np.array([part[name] for part in parts])).sum(0).tolist() for name in known}
    variance = (share * (stds**2 + (means - mean) ** 2)).sum(0)
    return {
        "min": np.min([part["min"] for part in parts], axis=0).tolist(),
        "max": np.max([part["max"] for part in parts], axis=0).tolist(),
        "mean": mean.tolist(),
        "std": np.sqrt(variance).tolist(),
        "count": [int(count.sum())],
        **quantiles,
    }
