"""An encoder learned from recordings: what is read, what the probe accepts and refuses, which files are written."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.data.episodes import write_episode
from robot_rl.data.image_codec import compress
from robot_rl.vision.architecture import ConvLayer
from robot_rl.vision.own import train_own
from robot_rl.vision.probe import ProbeReport, held_out_rows, probe_encoder
from robot_rl.vision.recordings import OBJECT_STATES, Recording, read_recording
from robot_rl.vision.training_config import TARGETS, OwnConfig
from tests.data.builders import step_record

SIZE, KINDS = 32, ("position", "position", "gripper")
LAYERS = (ConvLayer(4, 2, 8), ConvLayer(3, 1, 8, relu=False))


def spots(frames: int = 240, episode: int = 12, seed: int = 0) -> Recording:
    """Return images of a white tool that moves over a grey table."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(4, SIZE - 5, (frames, 2))
    images = np.full((frames, SIZE, SIZE, 3), 90, np.uint8)
    for image, (column, row) in zip(images, places.astype(int), strict=True):
        image[row - 2 : row + 3, column - 2 : column + 3] = 255
    poses = np.column_stack([places.astype(int) / SIZE * 0.2, rng.uniform(size=frames)]).astype(np.float32)
    return Recording({"side": images}, poses, np.arange(frames) // episode, np.zeros((frames, 0)))


def distracted(recording: Recording) -> Recording:
    """Return the recording with something blue of the tool's size that lies elsewhere in each image."""
    rng = np.random.default_rng(1)
    for image in recording.images["side"]:
        column, row = rng.integers(3, SIZE - 4, 2)
        image[row - 2 : row + 3, column - 2 : column + 3] = (60, 200, 255)
    return recording


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_learned_and_leaves_an_encoder_of_the_recordings_cameras(target: str) -> None:
    losses: list[float] = []
    config = OwnConfig((target,), steps=51, batch=8, layers=LAYERS)
    encoder = train_own(config, spots(60), lambda n, loss: losses.append(loss))
    assert losses[-1] < losses[0]
    assert {name.split("/")[0] for name in encoder.params} == {"side"} == set(encoder.cameras)
    assert encoder.dataset_card["frames"] == 60 and encoder.dataset_card["episodes"] == 5


@pytest.mark.slow
def test_a_trained_encoder_shows_where_the_tool_is_and_an_untrained_one_less_well() -> None:
    recording = distracted(spots(960))
    training = recording.part(~held_out_rows(recording))
    short, long = (
        probe_encoder(train_own(OwnConfig(("pose",), steps, 16, layers=LAYERS), training), recording, KINDS)
        for steps in (1, 300)
    )
    assert long.position_mm < 0.5 * short.position_mm
    assert long.position_mm < 0.1 * long.position_spread_mm


def test_training_never_sees_a_held_out_episode() -> None:
    recording = spots()
    held_out = held_out_rows(recording)
    seen, judged = set(recording.episodes[~held_out]), set(recording.episodes[held_out])
    assert not seen & judged and len(judged) == len(seen | judged) // 4


def test_the_gate_names_what_cannot_be_read() -> None:
    good = ProbeReport(3.0, 80.0, 1.0, 9.0, 0.02, 0.3)
    assert good.faults(limit_mm=5.0) == []
    assert good.faults(limit_mm=2.0) == ["tool position 3.0 mm, expected 2 mm or less"]
    blind = ProbeReport(80.0, 80.0, 9.0, 9.0, 0.3, 0.3)
    assert [line.split()[0] for line in blind.faults(5.0)] == ["tool", "motion", "gripper"]


def test_a_gripper_that_never_moves_cannot_be_misread() -> None:
    assert ProbeReport(3.0, 80.0, 1.0, 9.0, 0.001, 0.001).faults(5.0) == []


@pytest.mark.parametrize("compressed", [False, True])
def test_images_are_read_from_observations_or_compressed_frames(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        steps = []
        for i in range(3):
            image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            obs = {"state": np.full(3, number + 0.1 * i, np.float32)}
            frames = {"side": compress(image, lossless=True)} if compressed else {}
            obs |= {} if compressed else {"side": image}
            ending = {"next_obs": obs, "next_frames": frames, "truncated": True} if i == 2 else {}
            steps.append(
                step_record(i, episode=number, step=i, **{"obs": obs, "frames": frames, "next_obs": None} | ending)
            )
        write_episode(tmp_path, steps, {OBJECT_STATES: [[1.0, 2.0]] * 4})
    recording = read_recording([tmp_path], ["side"], lambda obs: obs["state"])
    assert recording.images["side"].shape == (16, SIZE, SIZE, 3) and recording.objects.shape == (16, 2)
    assert recording.episodes.tolist() == [n for n in range(4) for _ in range(4)]
    assert recording.following()[:5].tolist() == [1, 2, 3, 3, 5]
    with pytest.raises(ConfigError, match="got none for camera 'wrist'"):
        read_recording([tmp_path], ["wrist"], lambda obs: obs["state"])


def test_hardly_any_episodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 0 episodes"):
        read_recording([tmp_path], ["side"], lambda obs: obs["state"])


def test_an_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(UnknownNameError, match="got 'depth'"):
        OwnConfig(("depth",))
