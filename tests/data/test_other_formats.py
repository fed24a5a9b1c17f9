"""Minari and MCAP: what is written is what comes back, other programs read it, and what others wrote is read."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.records import Source
from robot_rl.data.formats import Episode, format_of, make_format
from robot_rl.data.image_codec import compress, decompress
from tests.data.camera_episodes import STEP_NS, camera_episode
from tests.data.test_episodes import same

NEEDED = {"minari": "minari", "mcap": "rosbags"}


@pytest.fixture(params=NEEDED)
def form(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(NEEDED[request.param])
    return str(request.param)


def rich_episode(length: int = 5) -> Episode:
    """Return an episode with an image, half-precision features, a camera whose frames are kept, and two sources."""
    rng = np.random.default_rng(length)

    def additions() -> dict[str, np.ndarray]:
        return {
            "wrist": rng.integers(0, 256, (40, 48, 3), dtype=np.uint8),
            "side": rng.standard_normal((2, 3)).astype(np.float16),
        }

    def frames() -> dict[str, np.ndarray]:
        return {"side": compress(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8))}

    steps, meta = camera_episode(length, seed=3, nested={"a": [1, 2.5]})
    policy = {"policy_action": np.array([0.1, 0.2, 0.3], np.float32), "source": Source.HUMAN}
    steps = [replace(step, obs={**step.obs, **additions()}, frames=frames()) for step in steps]
    steps[1] = replace(steps[1], observed=False, reward=0.1, **policy)
    steps[-1] = replace(steps[-1], next_obs={**steps[-1].next_obs, **additions()}, next_frames=frames())
    return Episode(steps, meta)


def check_same(one: Episode, other: Episode) -> None:
    assert one.meta == other.meta
    for before, after in zip(one.steps, other.steps, strict=True):
        for name in type(before).__slots__:
            assert same(getattr(before, name), getattr(after, name)), name


def test_episodes_come_back_bit_for_bit(form: str, tmp_path: Path) -> None:
    folder, dataset = tmp_path / "demos", make_format(form)
    episodes = [rich_episode(4), rich_episode(6)]
    for episode in episodes:
        dataset.write(folder, episode)
    assert (dataset.count(folder), format_of(folder)) == (2, form)
    for one, other in zip(episodes, dataset.read(folder), strict=True):
        check_same(one, other)


def test_damaged_episode_is_named(form: str, tmp_path: Path) -> None:
    dataset = make_format(form)
    dataset.write(tmp_path, rich_episode())
    for path in (*tmp_path.glob("*.mcap"), *tmp_path.glob("data/0/*.parquet")):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptRecordError, match="episode"):
        list(dataset.read(tmp_path))


def test_minari_loads_what_we_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    episodes = [rich_episode(4), rich_episode(6)]
    for episode in episodes:
        make_format("minari").write(tmp_path / "usb-v0", episode)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert list(minari.list_local_datasets()) == ["usb-v0"]
    dataset = minari.load_dataset("usb-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (2, 10)
    for episode, data in zip(episodes, dataset.iterate_episodes(), strict=True):
        assert dataset.action_space.contains(data.actions[0])
        rows = [{name: entry[i] for name, entry in data.observations.items()} for i in range(len(data) + 1)]
        assert all(dataset.observation_space.contains(row) for row in rows)
        for step, row in zip(episode.steps, rows[:-1], strict=True):
            np.testing.assert_array_equal(row["wrist"], step.obs["wrist"])
            np.testing.assert_array_equal(row["side_image"], decompress(step.frames["side"]))
        assert data.terminations.tolist() == [step.terminated for step in episode.steps]
        assert data.infos["source"].tolist()[:-1] == [int(step.source) for step in episode.steps]
    first, second = minari.split_dataset(dataset, [1, 1])
    assert first.total_steps + second.total_steps == 10
    assert {len(episode) for episode in dataset.sample_episodes(2)} == {4, 6}


def test_minari_datasets_of_others_are_demonstrations(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    (tmp_path / "data").mkdir()
    spaces = gym.spaces.Box(-1, 1, (3,), np.float64), gym.spaces.Box(-1, 1, (2,), np.float32)
    storage = MinariStorage.new(tmp_path / "data", *spaces, data_format="parquet")
    observations, actions = np.linspace(0, 1, 15).reshape(5, 3), np.full((4, 2), 0.5, np.float32)
    ends = [False, False, False, True]
    infos = {"success": [False] * 4 + [True]}
    storage.update_episodes([EpisodeBuffer(None, 0, None, observations, actions, [0.0] * 4, ends, [False] * 4, infos)])
    storage.update_metadata({"dataset_id": "other-v0", "minari_version": "0.5.4"})
    (episode,) = make_format("minari").read(tmp_path)
    assert [step.obs["state"].tolist() for step in episode.steps] == observations[:-1].tolist()
    last = episode.steps[-1]
    assert (last.success, last.reward, last.terminated, last.source) == (True, 1.0, True, Source.DEMONSTRATION)
    assert last.next_obs is not None and last.next_obs["state"].tolist() == observations[-1].tolist()


def test_minari_refuses_other_entries(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    make_format("minari").write(tmp_path, rich_episode())
    with pytest.raises(ConfigError, match="use another folder"):
        make_format("minari").write(tmp_path, camera_episode())


def test_mcap_reader_finds_images_numbers_and_events(tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    from mcap.reader import make_reader
    from rosbags.typesys import Stores, get_typestore

    episode, types = rich_episode(5), get_typestore(Stores.ROS2_JAZZY)
    make_format("mcap").write(tmp_path, episode)
    with (tmp_path / "episode-000000.mcap").open("rb") as file:
        found = [
            (channel.topic, message.log_time, types.deserialize_cdr(message.data, schema.name))
            for schema, channel, message in make_reader(file).iter_messages()
        ]
    wrist = [(stamp, message) for topic, stamp, message in found if topic == "wrist/color/image_raw/compressed"]
    assert [stamp for stamp, _ in wrist] == [i * STEP_NS for i in range(6)] and wrist[0][1].format == "png"
    np.testing.assert_array_equal(decompress(wrist[2][1].data), episode.steps[2].obs["wrist"])
    actions = [message.data.tolist() for topic, _, message in found if topic == "action"]
    assert actions == [step.action.tolist() for step in episode.steps]
    texts = [message.data for topic, _, message in found if topic == "events"]
    assert texts == ["policy acts", "human acts", "policy acts", "success"]
    sides = [message.layout.dim for topic, _, message in found if topic == "observation/side"]
    assert [dim.size for dim in sides[0]] == [2, 3] and len(sides) == 6


@pytest.mark.slow
def test_rerun_converts_an_episode(tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    pytest.importorskip("rerun")
    rerun = shutil.which("rerun") or str(Path(sys.executable).with_name("rerun"))
    make_format("mcap").write(tmp_path, rich_episode())
    source, target = tmp_path / "episode-000000.mcap", tmp_path / "episode.rrd"
    subprocess.run([rerun, "mcap", "convert", str(source), "-o", str(target)], check=True, capture_output=True)
    shown = subprocess.run([rerun, "rrd", "print", str(target)], check=True, capture_output=True, text=True).stdout
    for topic in ("wrist/color/image_raw/compressed", "side/color/image_raw/compressed", "action", "reward"):
        assert topic in shown
