"""Demonstrations as a LeRobotDataset, version 3.0: what LeRobot trains on and its viewers show.

    meta/info.json                                number of episodes and frames, features; written last
    meta/tasks.parquet, meta/stats.json
    meta/subtasks.parquet                         names of the stages, where a person labelled some
    meta/episodes/chunk-000/file-000.parquet      one row: task, length, where its rows are, statistics
    data/chunk-000/file-000.parquet               one row a step: observation.*, action, next.reward, next.done ...
    videos/observation.images.*/chunk-000/file-000.mp4    the cameras, where they are video
    robot_rl/episode-000000.safetensors           what the format has no column for: the frame that closed the episode,
                                                  policy's and human's actions, our meta

An episode counts once info.json says so, wholly or not at all. A dataset of others is read, too: its last frame closes
the episode, which succeeds where `next.success` says so, or where there is no such column.
Source: lerobot 0.4.4, datasets/utils.py, datasets/compute_stats.py; 0.6.1 reads the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.data.formats import Episode
from robot_rl.data.lerobot.arrays import arrow_array
from robot_rl.data.lerobot.columns import RATE_HZ, Column, index_columns, index_features, step_columns
from robot_rl.data.lerobot.names import TASK_INDEX, extended, names_table, read_names
from robot_rl.data.lerobot.records import OwnPart, foreign_steps, own_part, own_steps
from robot_rl.data.lerobot.stats import PREFIX, Statistics, merged, row_statistics, statistics
from robot_rl.data.lerobot.subtasks import FEATURES, INDEX, Layout, layout_of, subtask_columns, subtasks_of
from robot_rl.data.lerobot.videos import VIDEO, codec_of, encoded, read_videos, video_names
from robot_rl.data.stages import STAGES, meta_of_subtasks, step_subtasks
from robot_rl.data.whole_file import write_file

VERSION = "v3.0"
INFO, STATS = "meta/info.json", "meta/stats.json"
TASKS, SUBTASKS = "meta/tasks.parquet", "meta/subtasks.parquet"
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA, EPISODES = f"data/{FILE}.parquet", f"meta/episodes/{FILE}.parquet"
OURS = "robot_rl/episode-{number:06d}.safetensors"
FILES_A_CHUNK = 1000
_BROKEN = (OSError, ValueError, KeyError, TypeError, IndexError, safetensors.SafetensorError)


class LeRobotDataset:
    """The dataset format of this module.

    Args:
        codec: of the cameras as video in a new dataset, `av1` or `h264`; None: as images without loss.
        subtasks: whether a new dataset has a column of subtasks, also where its first episode has no stage.
        layout: of that column.

    Raises:
        ConfigError: pyarrow is not installed.
    """

    def __init__(self, codec: str | None = None, subtasks: bool = False, layout: Layout = INDEX) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ConfigError("dataset format lerobot: got no pyarrow; pip install 'robot-rl[lerobot]'.") from error
        self._codec, self._subtasks, self._layout = codec, subtasks, layout
        self._arrow: Any = pyarrow
        self._parquet: Any = pyarrow.parquet

    def count(self, folder: Path) -> int:
        """Return the number of episodes."""
        return int(self._info(folder).get("total_episodes", 0))

    def metas(self, folder: Path) -> Iterator[Mapping[str, Any]]:
        """Yield the meta of each episode, oldest first."""
        for number in range(self.count(folder)):
            own = self._own(folder, number)
            yield own.meta if own else self._foreign_meta(self._row(folder, number))

    def read(self, folder: Path) -> Iterator[Episode]:
        """Yield the episodes, oldest first.

        Raises:
            CorruptRecordError: one that is not whole.
        """
        yield from (self.episode(folder, number) for number in range(self.count(folder)))

    def episode(self, folder: Path, number: int) -> Episode:
        """Return one episode, counted from the oldest.

        Raises:
            CorruptRecordError: it is not whole.
        """
        try:
            return self._episode(folder, number, self._info(folder))
        except _BROKEN as error:
            raise CorruptRecordError(
                f"episode {number} of {folder}: got {error!r}, expected a whole one; record it again."
            ) from error

    def write(self, folder: Path, episode: Episode) -> None:
        """Append an episode.

        Raises:
            ConfigError: no steps, or entries other than those of the dataset.
        """
        if not episode.steps:
            raise ConfigError("episode: got 0 steps, expected 1 or more; drop empty episodes.")
        info = self._info(folder)
        number, start = int(info.get("total_episodes", 0)), int(info.get("total_frames", 0))
        columns = step_columns(episode.steps, codec_of(info["features"]) if info else self._codec)
        task = str(episode.meta.get("text") or episode.meta.get("task") or "unnamed")
        features = {name: dict(column.feature) for name, column in columns.items()}
        new = self._layout if self._subtasks or STAGES in episode.meta else None
        layout = layout_of(info["features"]) if info else new
        numbering = index_features() | ({layout: FEATURES[layout]} if layout else {})
        if info and info["features"].keys() != features.keys() | numbering.keys():
            raise ConfigError(
                f"{folder}: got an episode with {', '.join(sorted(features))}, expected the dataset's "
                f"{', '.join(sorted(info['features'].keys() - numbering.keys()))}; use another folder."
            )
        tasks = extended(self._names(folder / TASKS, TASK_INDEX) if info else [], [task])
        names = step_subtasks(episode.meta, len(episode.steps)) if layout else []
        subtasks = extended(self._names(folder / SUBTASKS, INDEX) if info else [], names)
        columns |= index_columns(number, start, len(episode.steps), tasks.index(task))
        columns |= subtask_columns(layout, names, subtasks)
        self._write_data(folder, number, columns)
        write_file(folder / OURS.format(number=number), own_part(episode))
        stats = statistics(columns)
        self._write_episode(folder, number, start, len(episode.steps), task, stats, video_names(features))
        self._write_names(folder / TASKS, TASK_INDEX, tasks)
        if layout == INDEX:
            self._write_names(folder / SUBTASKS, INDEX, subtasks)
        features |= numbering
        total = merged([*self._statistics(folder, number, start), stats])
        self._write_totals(folder, features, number + 1, start + len(episode.steps), tasks, total)

    def remove_last(self, folder: Path) -> None:
        """Take the newest episode back."""
        info = self._info(folder)
        if not (number := int(info.get("total_episodes", 0))):
            return
        frames = int(info["total_frames"]) - int(self._row(folder, number - 1)["length"])
        total = merged([row_statistics(self._row(folder, before)) for before in range(number - 1)])
        self._write_totals(folder, info["features"], number - 1, frames, self._names(folder / TASKS, TASK_INDEX), total)
        place = _place(number - 1)
        videos = [VIDEO.format(video_key=name, **place) for name in video_names(info["features"])]
        for name in (DATA.format(**place), EPISODES.format(**place), *videos):
            (folder / name).unlink()

    # ---- reading ----

    def _info(self, folder: Path) -> dict[str, Any]:
        path = folder / INFO
        if not path.is_file():
            return {}
        info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if info.get("codebase_version") != VERSION:
            raise ConfigError(
                f"{folder}: got a LeRobotDataset of version {info.get('codebase_version')}, expected {VERSION}; "
                "convert it with LeRobot's own command."
            )
        return info

    def _row(self, folder: Path, number: int) -> dict[str, Any]:
        """Return the row of an episode; a dataset of others has several in a file."""
        own = folder / EPISODES.format(**_place(number))
        paths = [own] if own.is_file() else []
        for path in [*paths, *sorted((folder / "meta" / "episodes").glob("*/*.parquet"))]:
            for row in self._rows(path, number):
                return row
        raise CorruptRecordError(f"episode {number} of {folder}: got no row of it, expected one in meta/episodes.")

    def _rows(self, path: Path, number: int) -> list[dict[str, Any]]:
        """Return the rows of one episode in a file, which may hold several."""
        rows: list[dict[str, Any]] = self._parquet.read_table(
            path, filters=[("episode_index", "=", number)]
        ).to_pylist()
        return rows

    def _names(self, path: Path, column: str) -> list[str]:
        return read_names(self._parquet, path, column)

    def _episode(self, folder: Path, number: int, info: Mapping[str, Any]) -> Episode:
        row, own, features = self._row(folder, number), self._own(folder, number), info["features"]
        place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
        rows = self._rows(folder / DATA.format(**place), number)
        videos = read_videos(folder, info, row)
        names = subtasks_of(rows, self._names(folder / SUBTASKS, INDEX))
        if own is None:
            meta = self._foreign_meta(row) | meta_of_subtasks(names[:-1])  # the last frame closes the episode
            return Episode(foreign_steps(rows, features, videos), meta)
        changed = names and names != step_subtasks(own.meta, len(rows))  # by a program that annotates
        return Episode(own_steps(rows, features, own, videos), own.meta | (meta_of_subtasks(names) if changed else {}))

    @staticmethod
    def _own(folder: Path, number: int) -> "OwnPart | None":
        path = folder / OURS.format(number=number)
        if not path.is_file():
            return None
        with safetensors.safe_open(path, "numpy") as file:
            texts = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            return OwnPart(json.loads(texts["meta"]), json.loads(texts["record"]), arrays)

    @staticmethod
    def _foreign_meta(row: Mapping[str, Any]) -> dict[str, Any]:
        return {"task": "", "text": next(iter(row.get("tasks") or []), ""), "steps": row["length"]}

    # ---- writing ----

    def _write_data(self, folder: Path, number: int, columns: Mapping[str, Column]) -> None:
        arrays = {}
        for name, column in columns.items():
            if column.feature["dtype"] == "video":
                path = folder / VIDEO.format(video_key=name, **_place(number))
                write_file(path, encoded(list(column.values), RATE_HZ, column.feature["info"]["video.codec"]))
            else:
                arrays[name] = arrow_array(self._arrow, column)
        self._write_table(folder / DATA.format(**_place(number)), self._arrow.table(arrays))

    def _write_episode(
        self,
        folder: Path,
        number: int,
        start: int,
        length: int,
        task: str,
        stats: Mapping[str, Any],
        videos: Sequence[str],
    ) -> None:
        place = _place(number)
        row: dict[str, Any] = {"episode_index": number, "tasks": [task], "length": length}
        row |= {f"data/{name}": value for name, value in place.items()}
        row |= {f"meta/episodes/{name}": value for name, value in place.items()}
        row |= {"dataset_from_index": start, "dataset_to_index": start + length}
        for name in videos:
            found = {**place, "from_timestamp": 0.0, "to_timestamp": length / RATE_HZ}
            row |= {f"videos/{name}/{key}": value for key, value in found.items()}
        row |= {f"{PREFIX}{name}/{key}": value for name, values in stats.items() for key, value in values.items()}
        self._write_table(folder / EPISODES.format(**place), self._arrow.Table.from_pylist([row]))

    def _write_names(self, path: Path, column: str, names: Sequence[str]) -> None:
        self._write_table(path, names_table(self._arrow, column, names))

    def _statistics(self, folder: Path, episodes: int, frames: int) -> list[Statistics]:
        """Return the statistics of the episodes so far: of all together where the file counts these frames, else of
        each, since the writer was killed between the file and info.json.
        """
        path = folder / STATS
        total: Statistics = json.loads(path.read_text(encoding="utf-8")) if episodes and path.is_file() else {}
        if total and total["index"]["count"] == [frames]:
            return [total]
        return [row_statistics(self._row(folder, number)) for number in range(episodes)]

    def _write_totals(
        self,
        folder: Path,
        features: Mapping[str, Any],
        episodes: int,
        frames: int,
        tasks: Sequence[str],
        stats: Statistics,
    ) -> None:
        write_file(folder / STATS, json.dumps(stats, indent=1).encode())
        info = {
            "codebase_version": VERSION,
            "robot_type": "robot_rl",
            "total_episodes": episodes,
            "total_frames": frames,
            "total_tasks": len(tasks),
            "chunks_size": FILES_A_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": RATE_HZ,
            "splits": {"train": f"0:{episodes}"},
            "data_path": DATA,
            "video_path": VIDEO if video_names(features) else None,
            "features": dict(features),
        }
        write_file(folder / INFO, json.dumps(info, indent=1).encode())

    def _write_table(self, path: Path, table: Any) -> None:
        sink = self._arrow.BufferOutputStream()
        self._parquet.write_table(table, sink)
        write_file(path, sink.getvalue().to_pybytes())


def _place(number: int) -> dict[str, int]:
    return {"chunk_index": number // FILES_A_CHUNK, "file_index": number % FILES_A_CHUNK}
