"""A LeRobotDataset: what is written is what comes back, and what others wrote is read."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.records import Source, StepRecord
from robot_rl.data.formats import Episode
from robot_rl.data.image_codec import compress
from robot_rl.data.lerobot.dataset import LeRobotDataset
from robot_rl.runtime.runs.video import VideoWriter
from tests.data.builders import step_record
from tests.data.camera_episodes import camera_episode

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq

rng = np.random.default_rng(0)


def observation() -> dict[str, np.ndarray]:
    return {
        "state": rng.standard_normal(5).astype(np.float32),
        "wrist": rng.integers(0, 256, (6, 8, 3), dtype=np.uint8),
        "side": rng.standard_normal((4, 3)).astype(np.float16),
    }


def recorded(length: int, episode: int = 0, task: str = "usb") -> Episode:
    """Return an episode with an image, features of another camera, and that camera's frames."""

    def frame() -> dict[str, np.ndarray]:
        return {"side": compress(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))}

    common = {"episode": episode, "reward": 0.1, "human_action": rng.standard_normal(2).astype(np.float32)}
    steps = [step_record(i, step=i, obs=observation(), frames=frame(), **common) for i in range(length)]
    end = {"terminated": True, "success": True, "next_obs": observation(), "next_frames": frame()}
    steps[-1] = replace(steps[-1], **end, source=Source.HUMAN, observed=False)
    return Episode(steps, {"task": task, "seed": 7, "nested": {"a": [1, 2.5]}})


def same(first: StepRecord, second: StepRecord) -> None:
    for field in fields(StepRecord):
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        if isinstance(ours, dict):
            assert ours.keys() == theirs.keys(), field.name
            for name, array in ours.items():
                assert array.dtype == theirs[name].dtype, name
                np.testing.assert_array_equal(array, theirs[name], err_msg=name)
        elif isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
        else:
            assert type(ours) is type(theirs) and ours == theirs, field.name


def test_episodes_come_back_bit_for_bit(tmp_path: Path) -> None:
    dataset, episodes = LeRobotDataset(), [recorded(3), recorded(1, 1, "peg"), recorded(4, 2)]
    for episode in episodes:
        dataset.write(tmp_path, episode)
    read = list(dataset.read(tmp_path))
    assert dataset.count(tmp_path) == 3 and [entry.meta for entry in read] == [entry.meta for entry in episodes]
    assert list(dataset.metas(tmp_path)) == [entry.meta for entry in episodes]
    for written, back in zip(episodes, read, strict=True):
        for ours, theirs in zip(written.steps, back.steps, strict=True):
            same(ours, theirs)


def test_files_are_those_of_version_three(tmp_path: Path) -> None:
    dataset = LeRobotDataset()
    for episode in (recorded(3), recorded(2, 1, "peg")):
        dataset.write(tmp_path, episode)
    info = json.loads((tmp_path / "meta" / "info.json").read_text())
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"], info["fps"]) == (2, 5, 2, 10)
    assert info["features"]["observation.images.wrist"]["shape"] == [6, 8, 3]
    rows = [row for i in (0, 1) for row in pq.read_table(tmp_path / f"data/chunk-000/file-00{i}.parquet").to_pylist()]
    assert [row["index"] for row in rows] == list(range(5)) and [row["task_index"] for row in rows] == [0, 0, 0, 1, 1]
    np.testing.assert_allclose([row["timestamp"] for row in rows], [0.0, 0.1, 0.2, 0.0, 0.1], atol=1e-6)
    assert [row["next.done"] for row in rows] == [False, False, True, False, True]
    assert rows[0].keys() == info["features"].keys()


def test_statistics_are_those_of_all_frames(tmp_path: Path) -> None:
    dataset, episodes = LeRobotDataset(), [recorded(3), recorded(5, 1)]
    for episode in episodes:
        dataset.write(tmp_path, episode)
    stats = json.loads((tmp_path / "meta" / "stats.json").read_text())
    states = np.array([step.obs["state"] for episode in episodes for step in episode.steps], np.float64)
    images = np.array([step.obs["wrist"] for episode in episodes for step in episode.steps]) / 255.0
    for name, function in (("min", np.min), ("max", np.max), ("mean", np.mean), ("std", np.std)):
        np.testing.assert_allclose(stats["observation.state"][name], function(states, axis=0), atol=1e-9)
        got = np.array(stats["observation.images.wrist"][name])
        assert got.shape == (3, 1, 1)
        np.testing.assert_allclose(got[:, 0, 0], function(images[:, ::4, ::4].reshape(-1, 3), axis=0), atol=1e-9)
    assert stats["action"]["count"] == [8]
    of_each = [np.quantile([step.obs["state"] for step in episode.steps], 0.9, axis=0) for episode in episodes]
    np.testing.assert_allclose(stats["observation.state"]["q90"], (3 * of_each[0] + 5 * of_each[1]) / 8, atol=1e-6)
    assert np.shape(stats["observation.images.wrist"]["q01"]) == (3, 1, 1)


def test_episode_that_was_cut_off_before_the_totals_does_not_count_and_is_written_over(tmp_path: Path) -> None:
    dataset, first, second = LeRobotDataset(), recorded(3), recorded(2, 1)
    dataset.write(tmp_path, first)
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    dataset.write(tmp_path, recorded(4, 1))
    (tmp_path / "meta" / "info.json").write_bytes(before[tmp_path / "meta" / "info.json"])
    assert dataset.count(tmp_path) == 1 and len(list(dataset.read(tmp_path))) == 1
    dataset.write(tmp_path, second)
    assert [len(episode.steps) for episode in dataset.read(tmp_path)] == [3, 2]
    assert not list(tmp_path.rglob(".*"))


def test_newest_episode_is_taken_back(tmp_path: Path) -> None:
    dataset, first = LeRobotDataset(), recorded(3)
    for episode in (first, recorded(2, 1, "peg")):
        dataset.write(tmp_path, episode)
    dataset.remove_last(tmp_path)
    assert [episode.meta for episode in dataset.read(tmp_path)] == [first.meta]
    dataset.write(tmp_path, recorded(5, 1))
    assert [len(episode.steps) for episode in dataset.read(tmp_path)] == [3, 5]
    LeRobotDataset().remove_last(tmp_path / "none")


def staged(length: int, *stages: int, **names) -> Episode:
    episode = recorded(length)
    return Episode(episode.steps, {**episode.meta, **({"stages": list(stages)} if stages else {}), **names})


def test_stages_are_subtasks_of_lerobot_and_come_back(tmp_path: Path) -> None:
    dataset = LeRobotDataset(subtasks=True)
    episodes = [staged(3), staged(5, 1, 3, subtasks=["reach", "grasp", "lift"]), staged(4, 2)]
    for episode in episodes:
        dataset.write(tmp_path, episode)
    table = pq.read_table(tmp_path / "meta" / "subtasks.parquet")
    names = table.to_pydict()["__index_level_0__"]
    assert names == ["stage 1", "reach", "grasp", "lift", "stage 2"]
    rows = [row for i in range(3) for row in pq.read_table(tmp_path / f"data/chunk-000/file-00{i}.parquet").to_pylist()]
    assert [names[row["subtask_index"]] for row in rows] == [
        *["stage 1"] * 3,
        *["reach"] * 2,
        *["grasp"] * 2,
        "lift",
        *["stage 1"] * 3,
        "stage 2",
    ]
    info = json.loads((tmp_path / "meta" / "info.json").read_text())
    assert rows[0].keys() == info["features"].keys()
    assert [episode.meta for episode in dataset.read(tmp_path)] == [episode.meta for episode in episodes]


def test_subtasks_that_another_program_wrote_become_stages(tmp_path: Path) -> None:
    dataset = LeRobotDataset()
    dataset.write(tmp_path, staged(6, 2))
    data = tmp_path / "data/chunk-000/file-000.parquet"
    table = pq.read_table(data)
    place, annotated = table.column_names.index("subtask_index"), pa.array([0, 1, 1, 1, 0, 0])
    pq.write_table(table.set_column(place, "subtask_index", annotated), data)
    (own,) = dataset.read(tmp_path)
    expected = {"stages": [0, 3], "subtasks": ["stage 1", "stage 2", "stage 1"]}
    assert own.meta.items() >= expected.items()
    shutil.rmtree(tmp_path / "robot_rl")
    (foreign,) = dataset.read(tmp_path)
    assert len(foreign.steps) == 5 and foreign.meta.items() >= expected.items()


def test_stages_are_texts_of_lerobot_and_come_back(tmp_path: Path) -> None:
    dataset = LeRobotDataset(layout="language_persistent")
    episodes = [staged(5, 1, 3, subtasks=["reach", "grasp", "lift"]), staged(3)]
    for episode in episodes:
        dataset.write(tmp_path, episode)
    rows = [row for i in range(2) for row in pq.read_table(tmp_path / f"data/chunk-000/file-00{i}.parquet").to_pylist()]
    texts = rows[0]["language_persistent"]
    assert all(row["language_persistent"] == texts for row in rows[:5])
    assert [text["content"] for text in texts] == ["reach", "grasp", "lift"]
    assert [text["timestamp"] for text in texts] == [rows[i]["timestamp"] for i in (0, 2, 4)]
    assert {(text["role"], text["style"], text["camera"]) for text in texts} == {("assistant", "subtask", None)}
    assert [text["content"] for text in rows[5]["language_persistent"]] == ["stage 1"]
    info = json.loads((tmp_path / "meta" / "info.json").read_text())
    assert rows[0].keys() == info["features"].keys() and "subtask_index" not in info["features"]
    assert not (tmp_path / "meta" / "subtasks.parquet").exists()
    assert "language_persistent" not in json.loads((tmp_path / "meta" / "stats.json").read_text())
    assert [episode.meta for episode in dataset.read(tmp_path)] == [episode.meta for episode in episodes]


def test_texts_that_another_program_wrote_become_stages(tmp_path: Path) -> None:
    """LeRobot's own annotator exchanges the column, and leaves the old one in info.json."""
    dataset = LeRobotDataset()
    dataset.write(tmp_path, staged(6, 2))
    shutil.rmtree(tmp_path / "robot_rl")
    data = tmp_path / "data/chunk-000/file-000.parquet"
    table = pq.read_table(data).drop_columns(["subtask_index"])
    said = {"role": "assistant", "camera": None, "tool_calls": None}
    plan = {**said, "style": "plan", "content": "1. reach 2. lift", "timestamp": 0.0}
    subtasks = [{**said, "style": "subtask", "content": name, "timestamp": t} for name, t in (("a", 0.0), ("b", 0.3))]
    pq.write_table(table.append_column("language_persistent", pa.array([[plan, *subtasks]] * 6)), data)
    (foreign,) = dataset.read(tmp_path)
    assert foreign.meta.items() >= {"stages": [2], "subtasks": ["a", "b"]}.items()


def test_dataset_without_stages_has_no_column_of_them_and_takes_later_ones_into_the_meta(tmp_path: Path) -> None:
    dataset, later = LeRobotDataset(), staged(4, 1)
    dataset.write(tmp_path, recorded(3))
    dataset.write(tmp_path, later)
    assert "subtask_index" not in json.loads((tmp_path / "meta" / "info.json").read_text())["features"]
    assert [episode.meta for episode in dataset.read(tmp_path)][1] == later.meta


def test_episode_of_others_is_read_as_the_humans_demonstration(tmp_path: Path) -> None:
    """Several episodes in a file, no reward, and none of our own files."""
    made = LeRobotDataset()
    episodes = [recorded(4), recorded(3, 1)]
    for episode in episodes:
        made.write(tmp_path, episode)
    shutil.rmtree(tmp_path / "robot_rl")
    data = sorted((tmp_path / "data" / "chunk-000").iterdir())
    rows = pa.concat_tables([pq.read_table(path) for path in data])
    pq.write_table(rows.drop_columns(["next.success", "next.reward"]), data[0])
    data[1].unlink()
    places = sorted((tmp_path / "meta" / "episodes" / "chunk-000").iterdir())
    table = pa.concat_tables([pq.read_table(path) for path in places])
    zeros = pa.array([0, 0])
    pq.write_table(table.set_column(table.column_names.index("data/file_index"), "data/file_index", zeros), places[0])
    places[1].unlink()
    read = list(made.read(tmp_path))
    for episode, original in zip(read, episodes, strict=True):
        steps = episode.steps
        assert len(steps) == len(original.steps) - 1 and episode.meta["text"] == "usb"
        assert all(step.source is Source.DEMONSTRATION for step in steps)
        assert [step.reward for step in steps] == [0.0] * (len(steps) - 1) + [1.0] and steps[-1].success
        assert steps[-1].next_obs is not None
        np.testing.assert_array_equal(steps[-1].next_obs["wrist"], original.steps[-1].obs["wrist"])
        np.testing.assert_array_equal(steps[0].action, original.steps[0].action)


def test_other_entries_versions_and_damage_are_refused_with_what_to_do(tmp_path: Path) -> None:
    dataset, info = LeRobotDataset(), tmp_path / "meta" / "info.json"
    dataset.write(tmp_path, recorded(3))
    with pytest.raises(ConfigError, match="expected 1 or more"):
        dataset.write(tmp_path, Episode([], {}))
    other = recorded(2)
    steps = [replace(step, obs={"state": step.obs["state"]}, frames={}, next_frames={}) for step in other.steps[:1]]
    with pytest.raises(ConfigError, match=r"got an episode with .*expected the dataset's .*wrist"):
        dataset.write(tmp_path, Episode(steps, other.meta))
    (tmp_path / "data/chunk-000/file-000.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptRecordError, match="episode 0 of"):
        list(dataset.read(tmp_path))
    info.write_text(json.dumps(json.loads(info.read_text()) | {"codebase_version": "v2.1"}))
    with pytest.raises(ConfigError, match=r"version v2\.1, expected v3\.0"):
        dataset.count(tmp_path)


def test_cameras_as_video_are_read_episode_by_episode(tmp_path: Path) -> None:
    """One file holds the frames of all episodes, one after the other, as LeRobot writes it."""
    made, name, rate_hz = LeRobotDataset(), "observation.images.wrist", 10
    lengths, level = (7, 5), 0
    path = tmp_path / "videos" / name / "chunk-000" / "file-000.mp4"
    with VideoWriter(path, rate_hz, scale=1) as video:
        for number, length in enumerate(lengths):
            steps, meta = camera_episode(length, episode=number, text="plug the stick in")
            made.write(tmp_path, Episode(steps, meta))
            for _ in range(length):
                video.add(np.full((48, 64, 3), 20 + 16 * level, np.uint8))
                level += 1
    shutil.rmtree(tmp_path / "robot_rl")
    info_file = tmp_path / "meta" / "info.json"
    info = json.loads(info_file.read_text())
    info["features"][name] |= {"dtype": "video", "shape": [48, 64, 3]}
    info["video_path"] = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    info_file.write_text(json.dumps(info))
    for number in range(2):
        rows = tmp_path / f"data/chunk-000/file-{number:03d}.parquet"
        pq.write_table(pq.read_table(rows).drop_columns([name]), rows)
        place = tmp_path / f"meta/episodes/chunk-000/file-{number:03d}.parquet"
        start_s = sum(lengths[:number]) / rate_hz
        values = {"chunk_index": 0, "file_index": 0, "from_timestamp": start_s, "to_timestamp": start_s + 0.1 * number}
        table = pq.read_table(place)
        for key, value in values.items():
            table = table.append_column(f"videos/{name}/{key}", pa.array([value]))
        pq.write_table(table, place)
    seen = []
    for episode in made.read(tmp_path):
        assert episode.meta["text"] == "plug the stick in"
        frames = [step.obs["wrist"] for step in episode.steps] + [episode.steps[-1].next_obs["wrist"]]
        seen += [float(frame.mean()) for frame in frames]
    np.testing.assert_allclose(seen, 20 + 16 * np.arange(12), atol=4)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CorruptRecordError, match="episode 0"):
        next(made.read(tmp_path))
