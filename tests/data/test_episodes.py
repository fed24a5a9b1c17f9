"""Episodes come back as they were recorded, whole or with an error that names the file."""

import dataclasses
import json
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.records import Source, StepRecord
from robot_rl.data.episodes import EpisodeFiles, list_episodes, read_episode, write_episode
from robot_rl.data.image_codec import compress, decompress
from tests.data.builders import step_record


def episode(length: int, closed: bool = True) -> list[StepRecord]:
    steps = [step_record(uid, step=uid, source=Source(uid % 3), reward=0.1 * uid) for uid in range(length - 1)]
    last = length - 1
    ending: dict[str, Any] = {"closing_uid": length, "terminated": True, "success": True} if closed else {}
    return [*steps, step_record(last, step=last, **ending)]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("closed", [True, False])
def test_an_episode_comes_back_as_it_was(tmp_path: Path, closed: bool) -> None:
    steps = episode(6, closed)
    path = write_episode(tmp_path, steps, {"seed": 3, "task": "unit"})
    read, meta = read_episode(path)
    assert meta == {"seed": 3, "task": "unit"}
    for before, after in zip(steps, read, strict=True):
        for field in dataclasses.fields(StepRecord):
            assert same(getattr(before, field.name), getattr(after, field.name)), field.name


def test_every_frame_is_stored_once(tmp_path: Path) -> None:
    arrays = safetensors.numpy.load_file(write_episode(tmp_path, episode(6), {}))
    assert arrays["obs/state"].shape == (7, 2)
    assert arrays["obs/wrist"].shape == (7, 4, 3)


def image(seed: int) -> np.ndarray:
    """Return an image with structure and noise."""
    noise = np.random.default_rng(seed).integers(0, 9, (24, 32, 3))
    return (np.arange(32)[:, None] * 7 + noise).astype(np.uint8)


@pytest.mark.parametrize("closed", [True, False])
def test_images_are_stored_without_loss_and_compressed_frames_as_they_are(tmp_path: Path, closed: bool) -> None:
    steps = [
        dataclasses.replace(
            step,
            obs={**step.obs, "side": image(i)},
            next_obs=step.next_obs and {**step.next_obs, "side": image(99)},
            frames={"wrist": compress(image(100 + i))},
            next_frames={"wrist": compress(image(199))} if step.next_obs else {},
        )
        for i, step in enumerate(episode(6, closed))
    ]
    path = write_episode(tmp_path, steps, {})
    for before, after in zip(steps, read_episode(path)[0], strict=True):
        for name in ("obs", "next_obs", "frames", "next_frames"):
            assert same(getattr(before, name), getattr(after, name)), name
    assert path.stat().st_size < 0.8 * 6 * (image(0).nbytes + len(compress(image(0)))) + 8000


def test_episodes_of_the_first_format_are_read(tmp_path: Path) -> None:
    path = write_episode(tmp_path, episode(3), {"seed": 3})
    arrays = safetensors.numpy.load_file(path)
    del arrays["observed"]
    arrays["obs/side"] = np.stack([image(i) for i in range(4)])
    header = {"format": 1, "actor": "a0", "run": "r", "meta": {"seed": 3}}
    path.write_bytes(safetensors.numpy.save(arrays, {"robot_rl": json.dumps(header)}))
    steps, meta = read_episode(path)
    assert meta == {"seed": 3} and all(step.observed and not step.frames for step in steps)
    assert all(np.array_equal(step.obs["side"], image(i)) for i, step in enumerate(steps))
    assert steps[-1].next_obs is not None and np.array_equal(steps[-1].next_obs["side"], image(3))


def test_bytes_that_are_no_image_are_refused() -> None:
    with pytest.raises(CorruptRecordError, match="expected a PNG or JPEG image"):
        decompress(np.zeros(40, np.uint8))


@pytest.mark.parametrize("lossless", [True, False])
def test_a_frame_is_close_to_its_image_and_the_same_where_nothing_may_be_lost(lossless: bool) -> None:
    off = np.abs(decompress(compress(image(0), lossless)).astype(int) - image(0))
    assert off.max() == 0 if lossless else 0 < off.mean() < 3


def test_numbers_go_on_and_nothing_is_replaced(tmp_path: Path) -> None:
    paths = [write_episode(tmp_path, episode(2), {}) for _ in range(3)]
    paths[1].unlink()
    paths.append(write_episode(tmp_path, episode(2), {}))
    assert [path.stem for path in list_episodes(tmp_path)] == ["episode-000000", "episode-000002", "episode-000003"]
    assert list(tmp_path.glob(".unfinished*")) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list_episodes(tmp_path / "absent") == []


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = write_episode(tmp_path, episode(3), {})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorruptRecordError, match=r"got .*episode-000000\.safetensors, expected a whole episode"):
        read_episode(path)


def test_two_episodes_in_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one; split them"):
        write_episode(tmp_path, [*episode(2), *episode(2)], {})
    with pytest.raises(ConfigError, match="got 0 steps"):
        write_episode(tmp_path, [], {})


def no_links(*args: Any, **kwargs: Any) -> None:
    raise PermissionError(1, "Operation not permitted")  # what exFAT and many shares answer


def test_file_system_without_hard_links_keeps_episodes_and_their_numbers(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("os.link", no_links)
    paths = [write_episode(tmp_path, episode(4), {"seed": seed}) for seed in range(3)]
    assert [path.name for path in paths] == [f"episode-00000{n}.safetensors" for n in range(3)]
    assert [read_episode(path)[1]["seed"] for path in list_episodes(tmp_path)] == [0, 1, 2]
    EpisodeFiles().remove_last(tmp_path)
    assert len(list_episodes(tmp_path)) == 2 and len(list((tmp_path / "removed").iterdir())) == 1


def test_full_disk_leaves_earlier_episodes_and_nothing_else(tmp_path: Path) -> None:
    write_episode(tmp_path, episode(3), {})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, limit[1]))
    try:
        with pytest.raises(OSError, match="large"):
            write_episode(tmp_path, episode(6), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert [path.name for path in tmp_path.iterdir()] == ["episode-000000.safetensors"]
