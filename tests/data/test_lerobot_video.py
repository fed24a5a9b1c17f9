"""Cameras as video in a LeRobotDataset: near the recorded images, and all numbers bit for bit."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import Episode
from robot_rl.data.image_codec import compress, decompress
from robot_rl.data.lerobot.dataset import LeRobotDataset
from robot_rl.data.lerobot.videos import ENCODERS, encoded
from tests.data.camera_episodes import camera_episode

pytest.importorskip("pyarrow")

ERROR_MAX = 3.0  # mean absolute error of a level


def scene(uid: int, rows: int = 64) -> np.ndarray:
    """Return a grey ramp with a block that moves one pixel a step."""
    image = np.repeat(np.linspace(40, 200, 96, dtype=np.uint8)[None, :, None], rows, axis=0).repeat(3, axis=2)
    image[20:36, 4 + uid : 24 + uid] = 230
    return image


def seen(length: int, number: int = 0, rows: int = 64) -> Episode:
    """Return an episode with one camera in the observation and another one behind its features."""
    steps, meta = camera_episode(length, episode=number, seed=number)
    recorded = [
        replace(
            step,
            obs={**step.obs, "wrist": scene(i, rows)},
            frames={"side": compress(scene(30 - i, rows))},
            next_obs=step.next_obs and {**step.next_obs, "wrist": scene(i + 1, rows)},
            next_frames={"side": compress(scene(29 - i, rows))} if step.last else {},
        )
        for i, step in enumerate(steps)
    ]
    return Episode(recorded, meta)


@pytest.mark.parametrize("codec", ["av1", "h264"])
def test_numbers_come_back_bit_for_bit_and_images_nearly(codec: str, tmp_path: Path) -> None:
    written = [seen(9), seen(4, 1), seen(1, 2)]
    for episode in written:
        LeRobotDataset(codec).write(tmp_path, episode)
    for ours, theirs in zip(written, LeRobotDataset().read(tmp_path), strict=True):
        assert ours.meta == theirs.meta
        for i, (step, back) in enumerate(zip(ours.steps, theirs.steps, strict=True)):
            np.testing.assert_array_equal(step.obs["state"], back.obs["state"])
            np.testing.assert_array_equal(step.action, back.action)
            assert (step.reward, step.success, step.stamp_ns) == (back.reward, back.success, back.stamp_ns)
            assert off(step.obs["wrist"], back.obs["wrist"]) < ERROR_MAX, i
            assert off(decompress(step.frames["side"]), decompress(back.frames["side"])) < ERROR_MAX, i
            assert off(scene(i + 3), back.obs["wrist"]) > off(step.obs["wrist"], back.obs["wrist"])
        assert theirs.steps[-1].next_obs is not None
        np.testing.assert_array_equal(ours.steps[-1].next_obs["wrist"], theirs.steps[-1].next_obs["wrist"])


def off(first: np.ndarray, second: np.ndarray) -> float:
    assert first.shape == second.shape and first.dtype == second.dtype
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def test_files_and_descriptions_are_those_of_version_three(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    LeRobotDataset("av1").write(tmp_path, seen(5))
    LeRobotDataset().write(tmp_path, seen(3, 1))  # goes on as the dataset began
    info = json.loads((tmp_path / "meta/info.json").read_text())
    wrist = info["features"]["observation.images.wrist"]
    assert wrist["dtype"] == "video" and wrist["shape"] == [64, 96, 3] and wrist["info"]["video.codec"] == "av1"
    for number, length in enumerate((5, 3)):
        place = {"chunk_index": 0, "file_index": number}
        row = pq.read_table(tmp_path / f"meta/episodes/chunk-000/file-{number:03d}.parquet").to_pylist()[0]
        for camera in ("wrist", "side"):
            key = f"observation.images.{camera}"
            assert (tmp_path / info["video_path"].format(video_key=key, **place)).is_file()
            assert row[f"videos/{key}/file_index"] == number and row[f"videos/{key}/from_timestamp"] == 0.0
            assert row[f"videos/{key}/to_timestamp"] == pytest.approx(0.1 * length)
            assert np.shape(row[f"stats/{key}/mean"]) == (3, 1, 1)
        assert not {key for key in pq.read_schema(tmp_path / f"data/chunk-000/file-{number:03d}.parquet").names} & {key}
    LeRobotDataset().remove_last(tmp_path)
    assert len(list(tmp_path.rglob("*.mp4"))) == 2


def test_images_that_cannot_be_video_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got images of 63 x 96, expected even numbers"):
        LeRobotDataset("av1").write(tmp_path / "odd", seen(2, rows=63))
    with pytest.raises(ConfigError, match="mean 'h264'"):
        LeRobotDataset("h265").write(tmp_path / "odd", seen(2))
    assert not (tmp_path / "odd").exists()


class Watched(list[np.ndarray]):
    """Images that note the scheduling of all threads while they are encoded."""

    def __init__(self, images: list[np.ndarray]) -> None:
        super().__init__(images)
        self.seen: set[int] = set()

    def __iter__(self) -> Iterator[np.ndarray]:
        for image in super().__iter__():
            self.seen |= policies()
            yield image
            self.seen |= policies()


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux only")
@pytest.mark.parametrize("codec", ENCODERS)
def test_encoding_takes_no_priority_over_an_arms_control_loop(codec: str) -> None:
    """SVT-AV1 asks for SCHED_FIFO 99 where that is permitted, as to root or on an arm's computer."""
    before = policies()
    assert before <= {os.SCHED_OTHER, os.SCHED_BATCH}  # another test may have left a thread of lower priority
    images = Watched([scene(i) for i in range(40)])
    encoded(images, 10, codec)
    assert os.SCHED_OTHER in images.seen and images.seen | policies() <= before


def policies() -> set[int]:
    """Return the scheduling policies of this process's threads."""
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}
