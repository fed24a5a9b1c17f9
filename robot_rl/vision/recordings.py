"""Recorded episodes as arrays: images, what the arms measured of themselves, and which frames belong together.

The goal of a frame is where the tool was when its episode ended in success, seen from where the tool is now: a place in
the image that costs no labelling. Source: InsertionNet (Spector and Di Castro 2021), which moves away from the goal
and learns the way back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import GRIPPER_DOWN, rotation_exp, rotation_log
from robot_rl.core.records import Observation, StepRecord
from robot_rl.data.formats import Episode, make_format
from robot_rl.data.image_codec import decompressed

OBJECT_STATES = "object_states"
"""Entry of an episode's meta: the object's state before each step and after the last, from a simulator only."""
EPISODES_MIN = 4


@dataclass(frozen=True)
class Recording:
    """Frames of whole episodes.

    Shapes: images (N, H, W, 3) uint8 by camera; poses (N, P), tool pose and finger of each arm; episodes (N,), the
    episode of each frame; goals (N, G), NaN in episodes without success; objects (N, K) from a simulator, else (N, 0).
    """

    images: dict[str, np.ndarray]
    poses: np.ndarray
    episodes: np.ndarray
    goals: np.ndarray
    objects: np.ndarray

    def known_goals(self) -> np.ndarray:
        """Return a mask (N,) of the frames whose episode succeeded."""
        return ~np.isnan(self.goals).any(1)

    def part(self, rows: np.ndarray) -> "Recording":
        """Return the frames of a mask (N,)."""
        images = {camera: frames[rows] for camera, frames in self.images.items()}
        return Recording(images, self.poses[rows], self.episodes[rows], self.goals[rows], self.objects[rows])


def read_recording(
    folders: Sequence[Path],
    cameras: Sequence[str],
    pose_of: Callable[[Observation], np.ndarray],
    kinds: Sequence[str],
    dataset: str = "episodes",
) -> Recording:
    """Return all episodes of some folders.

    Args:
        pose_of: returns tool pose and finger of each arm (P,) from an observation.
        kinds: kind of each of these numbers: position, rotation or gripper.
        dataset: name of the dataset format.

    Raises:
        ConfigError: hardly any episodes, or a camera whose images they lack.
    """
    frames: dict[str, list[np.ndarray]] = {camera: [] for camera in cameras}
    poses: list[np.ndarray] = []
    goals: list[np.ndarray] = []
    numbers: list[int] = []
    objects: list[Sequence[float]] = []
    episodes = [episode for folder in folders for episode in make_format(dataset).read(folder)]
    if len(episodes) < EPISODES_MIN:
        where = ", ".join(map(str, folders))
        raise ConfigError(
            f"recordings: got {len(episodes)} episodes in {where}, expected {EPISODES_MIN} or more; record some with "
            "`robot-rl record`."
        )
    for number, episode in enumerate(episodes):
        views = _views(episode)
        for view in views:
            for camera in cameras:
                frames[camera].append(_image(view, camera, folders))
        own = np.stack([pose_of(view) for view in views])
        goal = goals_of(own, kinds)
        goals.append(goal if episode.meta.get("success", episode.steps[-1].success) else np.full_like(goal, np.nan))
        poses.append(own)
        numbers += [number] * len(views)
        objects += _objects(episode.meta, len(views))
    return Recording(
        {camera: np.stack(images) for camera, images in frames.items()},
        np.concatenate(poses).astype(np.float32),
        np.array(numbers),
        np.concatenate(goals).astype(np.float32),
        np.array(objects) if all(objects) else np.zeros((len(numbers), 0)),
    )


def goals_of(poses: np.ndarray, kinds: Sequence[str]) -> np.ndarray:
    """Return the last pose in the tool's frame at each one: way [m] and rotation vector [rad] of each arm.

    Shapes: poses (T, P); returns (T, 6 arms).
    """
    first = np.flatnonzero(np.array(kinds) == "position")[::3]
    return np.column_stack([_way_to_last(poses[:, i : i + 6].astype(np.float64)) for i in first])


def _way_to_last(poses: np.ndarray) -> np.ndarray:
    """Return the way from each pose to the last. Shapes: (T, 6) -> (T, 6)."""
    R = [rotation_exp(pose[3:]) @ GRIPPER_DOWN for pose in poses]
    return np.stack(
        [np.r_[R[t].T @ (poses[-1, :3] - poses[t, :3]), rotation_log(R[t].T @ R[-1])] for t in range(len(poses))]
    )


def _views(episode: Episode) -> list[dict[str, np.ndarray]]:
    """Return the observation before each step and the one after the last."""
    steps: Sequence[StepRecord] = episode.steps
    views = [{**step.obs, **decompressed(step.frames)} for step in steps]
    last = steps[-1]
    return views if last.next_obs is None else [*views, {**last.next_obs, **decompressed(last.next_frames)}]


def _image(view: Observation, camera: str, folders: Sequence[Path]) -> np.ndarray:
    image = view.get(camera)
    if image is None or image.ndim != 3 or image.dtype != np.uint8:
        got = "none" if image is None else f"{image.dtype}{list(image.shape)}"
        raise ConfigError(
            f"recordings: got {got} for camera {camera!r} in {', '.join(map(str, folders))}, expected images; "
            "record with images (`robot-rl record`) or keep them (--vision.keep-frames True)."
        )
    return image


def _objects(meta: Any, count: int) -> list[Sequence[float]]:
    objects = list(meta.get(OBJECT_STATES, ()))
    return objects if len(objects) == count else [()] * count
