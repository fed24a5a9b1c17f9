"""Columns of a LeRobotDataset's data: one row a step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.core.records import StepRecord
from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.image_codec import compress, decompress
from robot_rl.data.lerobot.videos import video_feature

STATE, IMAGES = "observation.", "observation.images."
COLUMNS = {
    "next.reward": "reward", "next.done": "last", "next.terminated": "terminated", "next.truncated": "truncated",
    "next.success": "success", "observed": "observed", "source": "source", "stamp_ns": "stamp_ns",
    "policy_version": "policy_version",
}  # fmt: skip
"""Column -> field of a step."""
RATE_HZ = round(1.0 / PERIOD_S)
KINDS = {"reward": "float64", "source": "int64", "stamp_ns": "int64", "policy_version": "int64"}


@dataclass(frozen=True)
class Column:
    """One column of the data: its values, and its description in info.json."""

    values: Sequence[Any] | np.ndarray
    """One a step; of an image its bytes, of a video the image (H, W, 3) uint8."""
    feature: Mapping[str, Any]


def step_columns(steps: Sequence[StepRecord], codec: str | None = None) -> dict[str, Column]:
    """Return the columns of an episode's steps.

    Args:
        codec: of the cameras as video, by name; None: as images without loss.
    """
    columns = {}
    for name, first in steps[0].obs.items():
        if is_image(first):
            columns[IMAGES + name] = _camera_column([step.obs[name] for step in steps], codec)
        elif first.ndim == 1:
            columns[STATE + name] = _vector_column([step.obs[name] for step in steps])
    for name, frame in steps[0].frames.items():
        frames = [step.frames[name] for step in steps]
        columns[IMAGES + name] = (
            Column(frames, _image_feature(decompress(frame)))
            if codec is None
            else _camera_column([decompress(data) for data in frames], codec)
        )
    columns["action"] = _vector_column([step.action for step in steps])
    for name, attribute in COLUMNS.items():
        columns[name] = _number_column([getattr(step, attribute) for step in steps], KINDS.get(attribute, "bool"))
    return columns


def is_image(array: np.ndarray) -> bool:
    """Return whether an entry of an observation is an image (H, W, 3) uint8."""
    return array.dtype == np.uint8 and array.ndim == 3


def _camera_column(images: Sequence[np.ndarray], codec: str | None) -> Column:
    feature = _image_feature(images[0])
    if codec is None:
        return Column([compress(image, lossless=True) for image in images], feature)
    return Column(images, feature | video_feature(images[0], RATE_HZ, codec))


def _image_feature(image: np.ndarray) -> dict[str, Any]:
    return {"dtype": "image", "shape": list(image.shape), "names": ["height", "width", "channels"]}


def _vector_column(values: Sequence[np.ndarray]) -> Column:
    return Column(values, {"dtype": str(values[0].dtype), "shape": list(values[0].shape), "names": None})


def _number_column(values: Sequence[Any], kind: str) -> Column:
    return Column(values, {"dtype": kind, "shape": [1], "names": None})


def index_columns(number: int, start: int, length: int, task: int) -> dict[str, Column]:
    """Return the columns that number an episode's frames, by episode, time [s], place in the whole dataset and task."""
    steps = np.arange(length)
    values = (steps / np.float32(RATE_HZ), steps, np.full(length, number), start + steps, np.full(length, task))
    return {
        name: Column(column, feature) for (name, feature), column in zip(index_features().items(), values, strict=True)
    }


def index_features() -> dict[str, dict[str, Any]]:
    """Return the descriptions of those columns, which every dataset has."""
    names = {"timestamp": "float32"} | dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64")
    return {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in names.items()}
