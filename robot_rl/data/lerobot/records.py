"""Steps of an episode and the rows of a LeRobotDataset: ours, with what the format has no column for, and others'."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

from robot_rl.core.labels import SUCCESS_REWARD
from robot_rl.core.records import UNNUMBERED, Source, StepRecord, no_action
from robot_rl.data.formats import Episode
from robot_rl.data.image_codec import compress, decompress
from robot_rl.data.lerobot.columns import COLUMNS, IMAGES, STATE, is_image

ACTIONS, COUNTS = ("policy_action", "human_action"), ("sequence", "episode", "step")


@dataclass(frozen=True)
class OwnPart:
    """What the format has no column for."""

    meta: dict[str, Any]
    header: Mapping[str, Any]
    """Actor, run, and the cameras whose frames stay compressed."""
    arrays: Mapping[str, np.ndarray]
    """Actions and counts by name; `obs/` entries of all steps, `end/` and `end_frame/` of the last next observation."""


def own_part(episode: Episode) -> bytes:
    """Return what the format has no column for."""
    steps, last = episode.steps, episode.steps[-1]
    arrays = {name: np.stack([getattr(step, name) for step in steps]) for name in ACTIONS}
    arrays |= {name: np.array([getattr(step, name) for step in steps], np.int64) for name in COUNTS}
    for name, first in steps[0].obs.items():
        if not is_image(first) and first.ndim != 1:
            arrays[f"obs/{name}"] = np.stack([step.obs[name] for step in steps])
    for name, array in (last.next_obs or {}).items():
        arrays[f"end/{name}"] = np.ascontiguousarray(array)
    for name, array in last.next_frames.items():
        arrays[f"end_frame/{name}"] = np.ascontiguousarray(array)
    header = {"actor": last.actor, "run": last.run, "frames": sorted(last.frames)}
    return safetensors.numpy.save(arrays, {"meta": json.dumps(dict(episode.meta)), "record": json.dumps(header)})


def _vectors(row: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the observation of a row without its images."""
    names = [name for name in features if name.startswith(STATE) and not name.startswith(IMAGES)]
    return {name.removeprefix(STATE): np.atleast_1d(np.array(row[name], features[name]["dtype"])) for name in names}


def _frames(row: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the images of a row, compressed."""
    names = [name for name in features if name.startswith(IMAGES) and features[name]["dtype"] == "image"]
    return {name.removeprefix(IMAGES): np.frombuffer(row[name]["bytes"], np.uint8) for name in names}


def own_steps(
    rows: Sequence[Mapping[str, Any]],
    features: Mapping[str, Any],
    own: OwnPart,
    videos: Mapping[str, Sequence[np.ndarray]],
) -> list[StepRecord]:
    """Return the steps of an episode that this module wrote; images of a camera that is a video are near the recorded
    ones.

    Args:
        videos: images of the rows, by column, of the cameras that are kept as video.
    """
    steps, arrays, kept = [], own.arrays, own.header["frames"]
    for i, row in enumerate(rows):
        frames = _frames(row, features)
        images = {name: decompress(data) for name, data in frames.items() if name not in kept}
        for column, seen in videos.items():
            if (name := column.removeprefix(IMAGES)) in kept:
                frames[name] = compress(seen[i], lossless=True)
            else:
                images[name] = seen[i]
        obs = {**_vectors(row, features), **images, **{name: a[i] for name, a in _prefixed(arrays, "obs/").items()}}
        last = bool(row["next.done"])
        fields: dict[str, Any] = {COLUMNS[name]: row[name] for name in COLUMNS if name not in ("next.done", "source")}
        fields |= {name: int(arrays[name][i]) for name in COUNTS} | {name: arrays[name][i] for name in ACTIONS}
        steps.append(
            StepRecord(
                actor=own.header["actor"],
                run=own.header["run"],
                obs=obs,
                action=np.array(row["action"], features["action"]["dtype"]),
                source=Source(row["source"]),
                **fields,
                next_obs=_prefixed(arrays, "end/") if last else None,
                frames={name: frames[name] for name in kept},
                next_frames=_prefixed(arrays, "end_frame/") if last else {},
            )
        )
    return steps


def _prefixed(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def foreign_steps(
    rows: Sequence[Mapping[str, Any]], features: Mapping[str, Any], videos: Mapping[str, Sequence[np.ndarray]]
) -> list[StepRecord]:
    """Return the steps of an episode of others: all are the human's, and the last frame closes the episode.

    Without a column of actions they have none: a vector of no entries.

    Args:
        videos: images of the rows, by column, of the cameras that are kept as video.

    Raises:
        ValueError: fewer than two frames.
    """
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} frames")
    images = [{name: decompress(data) for name, data in _frames(row, features).items()} for row in rows]
    for name, frames in videos.items():
        for image, frame in zip(images, frames, strict=True):
            image[name.removeprefix(IMAGES)] = frame
    observations = [{**_vectors(row, features), **image} for row, image in zip(rows, images, strict=True)]
    success = bool(rows[-1].get("next.success", True))
    steps = []
    for i, row in enumerate(rows[:-1]):
        last, action = i == len(rows) - 2, np.array(row.get("action", ()), np.float32)
        won = last and success
        reward = float(row.get("next.reward", 0.0))
        steps.append(
            StepRecord(
                actor="",
                run="",
                sequence=UNNUMBERED,
                episode=0,
                step=i,
                obs=observations[i],
                action=action,
                policy_action=no_action(len(action)),
                human_action=action,
                source=Source.DEMONSTRATION,
                reward=max(reward, SUCCESS_REWARD) if won else reward,
                terminated=won,
                truncated=last and not won,
                success=won,
                next_obs=observations[-1] if last else None,
                policy_version=-1,
                stamp_ns=round(1e9 * float(row["timestamp"])),
            )
        )
    return steps
