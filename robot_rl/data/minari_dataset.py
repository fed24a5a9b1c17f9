"""Demonstrations as a Minari dataset: what offline learners read by `minari.load_dataset`.

    data/metadata.json, data/0/*.parquet ...   Minari's own: observations (T + 1), actions, rewards, ends of episodes
    robot_rl/episode-000000.safetensors        what it has no place for: who acted, stamps, compressed frames, our meta

The folder's name is the dataset's; it lies in MINARI_DATASETS_PATH, or is read by `minari.MinariDataset(FOLDER/data)`.
Images are kept without loss. Minari's files are not written at once: this format is for exchange, not for recording.
Source: minari 0.5.4, dataset/minari_storage.py.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import safetensors
import safetensors.numpy

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.labels import SUCCESS_REWARD
from robot_rl.core.records import UNNUMBERED, Source, StepRecord, no_action
from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.episodes import FRAME, IMAGE, from_arrays, to_arrays, unpacked
from robot_rl.data.formats import Episode
from robot_rl.data.image_codec import compress, decompress
from robot_rl.data.whole_file import write_file

DATA, OURS = "data", "robot_rl/episode-{number:06d}.safetensors"
OBS = "obs/"
SHARED = ("action", "reward", "terminated", "truncated", OBS, f"{IMAGE}/", f"{IMAGE}_ends/")
"""Beginnings of the names of our arrays that come back from Minari's files."""
DECODED = "_image"
"""Ending of an observation's name that holds the images of a camera whose frames were kept beside its features."""
SUCCESS_INFOS = ("success", "is_success")
_BROKEN = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, safetensors.SafetensorError)


class MinariEpisodes:
    """The dataset format of this module.

    Raises:
        ConfigError: minari or pyarrow is not installed.
    """

    def __init__(self) -> None:
        try:
            import minari
            import pyarrow as pyarrow
            from minari.data_collector import EpisodeBuffer
            from minari.dataset.minari_storage import MinariStorage
        except ImportError as error:
            raise ConfigError(f"dataset format minari: got {error}; pip install 'robot-rl[minari]'.") from error
        self._storage, self._buffer, self._version = MinariStorage, EpisodeBuffer, minari.__version__

    def count(self, folder: Path) -> int:
        """Return the number of episodes."""
        path = folder / DATA / "metadata.json"
        return int(json.loads(path.read_text(encoding="utf-8"))["total_episodes"]) if path.is_file() else 0

    def read(self, folder: Path) -> Iterator[Episode]:
        """Yield the episodes, oldest first."""
        yield from (self.episode(folder, number) for number in range(self.count(folder)))

    def episode(self, folder: Path, number: int) -> Episode:
        """Return one episode, counted from the oldest.

        Raises:
            CorruptRecordError: it is not whole, or its observation or action is not made of arrays.
        """
        try:
            (data,) = self._storage.read(folder / DATA).get_episodes([number])
            own = folder / OURS.format(number=number)
            return _own_episode(own, data) if own.is_file() else _foreign_episode(data)
        except _BROKEN as error:
            raise CorruptRecordError(f"episode {number} of {folder}: got {error!r}, expected a whole one.") from error

    def write(self, folder: Path, episode: Episode) -> None:
        """Append an episode.

        Raises:
            ConfigError: no steps, or entries other than those of the dataset.
        """
        header, arrays = to_arrays(episode)
        observations = _observations(arrays)
        storage, number = self._open(folder, observations, arrays["action"], episode.meta), self.count(folder)
        if set(storage.observation_space) != set(observations):
            raise ConfigError(
                f"{folder}: got an episode with {', '.join(observations)}, expected the dataset's "
                f"{', '.join(storage.observation_space)}; use another folder."
            )
        own = {name: array for name, array in arrays.items() if not name.startswith(SHARED)}
        write_file(folder / OURS.format(number=number), safetensors.numpy.save(own, {"robot_rl": json.dumps(header)}))
        ends = {name: arrays[name].astype(bool) for name in ("terminated", "truncated")}
        # Lists, since Minari cannot read back an array without axes but the first.
        success, source = arrays["success"].astype(bool).tolist(), arrays["source"].tolist()
        storage.update_episodes(
            [
                self._buffer(
                    seed=episode.meta.get("seed"),
                    observations=observations,
                    actions=arrays["action"],
                    rewards=arrays["reward"].tolist(),
                    terminations=ends["terminated"].tolist(),
                    truncations=ends["truncated"].tolist(),
                    infos={"success": [*success, success[-1]], "source": [*source, source[-1]]},
                )
            ]
        )

    def _open(self, folder: Path, observations: Mapping[str, np.ndarray], actions: np.ndarray, meta: Any) -> Any:
        if self.count(folder):
            return self._storage.read(folder / DATA)
        (folder / DATA).mkdir(parents=True, exist_ok=True)
        (folder / DATA / "metadata.json").unlink(missing_ok=True)  # of a write that was interrupted
        storage = self._storage.new(
            folder / DATA,
            gym.spaces.Dict({name: _space(array) for name, array in observations.items()}),
            gym.spaces.Box(-1.0, 1.0, actions.shape[1:], np.float32),
            data_format="parquet",
            jpeg_encoding=False,
        )
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.name).strip("-") or "episodes"
        about = f"{meta.get('task') or 'episodes'}, one step every {PERIOD_S} s; recorded with robot-rl"
        storage.update_metadata({"dataset_id": name, "minari_version": self._version, "description": about})
        return storage


def _observations(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the observation's entries (T + 1, ...), images decoded."""
    found = {name.removeprefix(OBS): array for name, array in arrays.items() if name.startswith(OBS)}
    for prefix, ending in ((IMAGE, ""), (FRAME, DECODED)):
        for name, items in unpacked(arrays, prefix).items():
            found[name + ending] = np.stack([decompress(item) for item in items])
    return dict(sorted(found.items()))


def _space(array: np.ndarray) -> gym.spaces.Box:
    if array.dtype == np.uint8:
        return gym.spaces.Box(0, 255, array.shape[1:], np.uint8)
    return gym.spaces.Box(-np.inf, np.inf, array.shape[1:], array.dtype)  # type: ignore[arg-type]


def _own_episode(path: Path, data: Mapping[str, Any]) -> Episode:
    with safetensors.safe_open(path, "numpy") as file:
        header = json.loads((file.metadata() or {})["robot_rl"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    arrays |= {"action": data["actions"], "reward": np.asarray(data["rewards"])}
    arrays |= {
        "terminated": np.asarray(data["terminations"], np.uint8), "truncated": np.asarray(data["truncations"], np.uint8)
    }  # fmt: skip
    frames = {f"{name}{DECODED}" for name in unpacked(arrays, FRAME)}
    for name, entry in data["observations"].items():
        if entry.ndim == 4 and entry.dtype == np.uint8:
            items = [] if name in frames else [compress(image, lossless=True) for image in entry]
            if items:
                arrays[f"{IMAGE}/{name}"] = np.concatenate(items)
                arrays[f"{IMAGE}_ends/{name}"] = np.cumsum([len(item) for item in items], dtype=np.int64)
        else:
            arrays[OBS + name] = entry
    return from_arrays(header, arrays)


def _foreign_episode(data: Mapping[str, Any]) -> Episode:
    """Return an episode of others: all steps are demonstrations; it succeeds where an info says so, or none does."""
    observations = data["observations"] if isinstance(data["observations"], dict) else {"state": data["observations"]}
    rows = [{name: entry[i] for name, entry in observations.items()} for i in range(len(data["rewards"]) + 1)]
    infos = next((data["infos"][name] for name in SUCCESS_INFOS if name in data["infos"]), None)
    won = infos is None or bool(np.any(infos))
    return Episode([_foreign_step(data, rows, i, won) for i in range(len(rows) - 1)], {"task": "", "success": won})


def _foreign_step(data: Mapping[str, Any], rows: list[dict[str, np.ndarray]], i: int, won: bool) -> StepRecord:
    last = i == len(rows) - 2
    action, reward = np.asarray(data["actions"][i], np.float32).reshape(-1), float(data["rewards"][i])
    return StepRecord(
        actor="",
        run="",
        sequence=UNNUMBERED,
        episode=0,
        step=i,
        obs=rows[i],
        action=action,
        policy_action=no_action(action.size),
        human_action=action,
        source=Source.DEMONSTRATION,
        reward=max(reward, SUCCESS_REWARD) if last and won else reward,
        terminated=last and won,
        truncated=last and not won,
        success=last and won,
        next_obs=rows[i + 1] if last else None,
        policy_version=-1,
        stamp_ns=round(i * PERIOD_S * 1e9),
    )
