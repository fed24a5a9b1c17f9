"""Episodes on disk: one safetensors file each, with every frame once.

    episode-000007.safetensors
        obs/<name>       (T + 1, ...)   the frame before each step and the one that closed the episode; as recorded,
                                        images as uint8; (T, ...) when the last step had no next frame
        action, policy_action, human_action (T, A) float32
        reward (T,) float64;  terminated, truncated, success, observed, source (T,) uint8
        sequence, episode, step, policy_version, stamp_ns (T,) int64
        metadata         JSON: format, actor, run, and the caller's values

Files are written atomically and never replace another one.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.records import Source, StepRecord
from robot_rl.data.formats import Episode
from robot_rl.data.image_codec import compress, decompress

REMOVED = "removed"
FORMAT = 2
"""Format 1, whose images are arrays of obs/, is read, too."""

_BROKEN = (OSError, ValueError, KeyError, TypeError, IndexError, safetensors.SafetensorError)
_PREFIX, _SUFFIX = "episode-", ".safetensors"
IMAGE, FRAME = "image", "frame"
"""Prefixes of packed bytes: cameras of the observation without loss, and frames as they were compressed."""
_OBS, _ENDS = "obs/", "_ends/"
_ACTIONS = ("action", "policy_action", "human_action")
Rows = Mapping[str, Any]
"""One array a row, by name."""
_FLAGS = ("terminated", "truncated", "success", "observed")
_COUNTS = ("sequence", "episode", "step", "policy_version", "stamp_ns")


class EpisodeFiles:
    """The dataset format of this module."""

    def count(self, folder: Path) -> int:
        """Return the number of episodes."""
        return len(list_episodes(folder))

    def read(self, folder: Path) -> Iterator[Episode]:
        """Yield the episodes, oldest first."""
        for path in list_episodes(folder):
            yield Episode(*read_episode(path))

    def write(self, folder: Path, episode: Episode) -> None:
        """Write an episode under the next free number."""
        write_episode(folder, episode.steps, episode.meta)

    def metas(self, folder: Path) -> Iterator[Mapping[str, Any]]:
        """Yield the meta of each episode, oldest first."""
        for path in list_episodes(folder):
            yield read_meta(path)

    def episode(self, folder: Path, number: int) -> Episode:
        """Return one episode, counted from the oldest.

        Raises:
            CorruptRecordError: it is not whole.
        """
        return Episode(*read_episode(list_episodes(folder)[number]))

    def copy(self, folder: Path, number: int, to: Path) -> None:
        """Append an episode of one folder to another, byte by byte."""
        _append(to, list_episodes(folder)[number].read_bytes())

    def remove_last(self, folder: Path) -> None:
        """Move the newest episode to the folder `removed`."""
        if paths := list_episodes(folder):
            removed = folder / REMOVED
            removed.mkdir(exist_ok=True)
            paths[-1].rename(removed / f"{len(list(removed.iterdir())):03d}-{paths[-1].name}")


def write_episode(folder: Path, steps: Sequence[StepRecord], meta: Mapping[str, Any]) -> Path:
    """Write the steps of one episode under the next free number and return the path.

    Args:
        meta: JSON-ready values that `read_episode` returns.

    Raises:
        ConfigError: no steps, or steps of more than one episode.
    """
    header, arrays = to_arrays(Episode(steps, meta))
    return _append(folder, safetensors.numpy.save(arrays, {"robot_rl": json.dumps(header)}))


def to_arrays(episode: Episode) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return an episode's header, JSON-ready, and its arrays by name, as at the head of this file.

    Raises:
        ConfigError: no steps, or steps of more than one episode.
    """
    steps = episode.steps
    _check_one_episode(steps)
    header = {"format": FORMAT, "actor": steps[0].actor, "run": steps[0].run, "meta": dict(episode.meta)}
    return header, _stack(steps)


def from_arrays(header: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> Episode:
    """Return the episode of a header and arrays.

    Raises:
        ValueError: another format.
        KeyError: an array is missing.
    """
    arrays.setdefault("observed", np.ones(len(arrays["action"]), np.uint8))  # older files lack it
    if header["format"] not in (1, FORMAT):
        raise ValueError(f"format {header['format']}")
    count = len(arrays["action"])
    entries: tuple[Rows, Rows] = ({**_images(arrays), **_prefixed(arrays, _OBS)}, unpacked(arrays, FRAME))
    return Episode([_step(header, arrays, entries, row, count) for row in range(count)], dict(header["meta"]))


def _append(folder: Path, data: bytes) -> Path:
    """Write a file under the next free number, wholly or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".unfinished-{os.getpid()}{_SUFFIX}"
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return _publish(unfinished, folder)
    finally:
        unfinished.unlink(missing_ok=True)


def read_episode(path: Path) -> tuple[list[StepRecord], dict[str, Any]]:
    """Return the steps of an episode and the caller's meta.

    Raises:
        CorruptRecordError: not an episode, or not a whole one.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["robot_rl"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        steps, meta = from_arrays(header, arrays)
        return list(steps), dict(meta)
    except _BROKEN as error:
        raise _corrupt(path, error) from error


def read_meta(path: Path) -> dict[str, Any]:
    """Return the caller's meta of an episode.

    Raises:
        CorruptRecordError: not an episode.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return dict(json.loads((file.metadata() or {})["robot_rl"])["meta"])
    except _BROKEN as error:
        raise _corrupt(path, error) from error


def _corrupt(path: Path, error: Exception) -> CorruptRecordError:
    return CorruptRecordError(
        f"episode: got {path}, expected a whole episode of format {FORMAT} ({error!r}); remove the file."
    )


def list_episodes(folder: Path) -> list[Path]:
    """Return the episodes of a folder, oldest first; none without such a folder."""
    return sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))


def _check_one_episode(steps: Sequence[StepRecord]) -> None:
    if not steps:
        raise ConfigError("episode: got 0 steps, expected 1 or more; drop empty episodes.")
    kinds = {(step.actor, step.run, step.episode) for step in steps}
    if len(kinds) > 1 or any(step.last for step in steps[:-1]):
        raise ConfigError(f"episode: got steps of {len(kinds)} or more episodes, expected one; split them.")


def _stack(steps: Sequence[StepRecord]) -> dict[str, np.ndarray]:
    obs, frames = [step.obs for step in steps], [step.frames for step in steps]
    if steps[-1].next_obs is not None:
        obs.append(steps[-1].next_obs)
        frames.append(steps[-1].next_frames)
    arrays: dict[str, np.ndarray] = {}
    for name, first in obs[0].items():
        if first.ndim == 3 and first.dtype == np.uint8:
            arrays |= packed(IMAGE, name, [compress(entry[name], lossless=True) for entry in obs])
        else:
            arrays[_OBS + name] = np.stack([entry[name] for entry in obs])
    for name in frames[0]:
        arrays |= packed(FRAME, name, [entry[name] for entry in frames])
    arrays |= {name: np.stack([getattr(step, name) for step in steps]) for name in _ACTIONS}
    arrays |= {name: np.array([getattr(step, name) for step in steps], np.uint8) for name in (*_FLAGS, "source")}
    arrays |= {name: np.array([getattr(step, name) for step in steps], np.int64) for name in _COUNTS}
    return arrays | {"reward": np.array([step.reward for step in steps], np.float64)}


def packed(prefix: str, name: str, items: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return byte strings as one, and where each ends."""
    ends = np.cumsum([len(item) for item in items], dtype=np.int64)
    return {f"{prefix}/{name}": np.concatenate(items), f"{prefix}{_ENDS}{name}": ends}


def unpacked(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, list[np.ndarray]]:
    """Return the byte strings that `packed` joined, by name."""
    joined = _prefixed(arrays, f"{prefix}/")
    return {name: np.split(data, arrays[f"{prefix}{_ENDS}{name}"][:-1]) for name, data in joined.items()}


def _images(arrays: Mapping[str, np.ndarray]) -> dict[str, Sequence[np.ndarray]]:
    return {name: [decompress(item) for item in items] for name, items in unpacked(arrays, IMAGE).items()}


def _prefixed(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _step(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], entries: tuple[Rows, Rows], row: int, count: int
) -> StepRecord:
    flags = {name: bool(arrays[name][row]) for name in _FLAGS}
    counts = {name: int(arrays[name][row]) for name in _COUNTS}
    actions = {name: arrays[name][row] for name in _ACTIONS}
    last = flags["terminated"] or flags["truncated"]
    obs, frames = ({name: rows[row] for name, rows in group.items()} for group in entries)
    next_obs, next_frames = ({name: rows[count] for name, rows in group.items()} if last else {} for group in entries)
    return StepRecord(
        actor=str(header["actor"]),
        run=str(header["run"]),
        obs=obs,
        next_obs=next_obs if last else None,
        frames=frames,
        next_frames=next_frames,
        source=Source(int(arrays["source"][row])),
        reward=float(arrays["reward"][row]),
        **{**flags, **counts, **actions},
    )


def _publish(unfinished: Path, folder: Path) -> Path:
    """Give the finished file the next free number; it cannot replace another process' file."""
    existing = list_episodes(folder)
    number = int(existing[-1].stem.removeprefix(_PREFIX)) + 1 if existing else 0
    while True:
        path = folder / f"{_PREFIX}{number:06d}{_SUFFIX}"
        with contextlib.suppress(FileExistsError):
            _claim(unfinished, path)
            return path
        number += 1


def _claim(unfinished: Path, path: Path) -> None:
    """Link a file to a free name; where the file system has no hard links, as on a stick or a share, move it there.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(unfinished, path)
