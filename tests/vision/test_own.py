"""An encoder learned from recordings: what is read, what the probe accepts and refuses, which files are written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import GRIPPER_DOWN, rot_z, rotation_log
from robot_rl.data.episodes import write_episode
from robot_rl.data.image_codec import compress
from robot_rl.vision.own import OwnConfig, choose, train_own
from robot_rl.vision.probe import ProbeReport, Reading, encode_images, held_out_rows, probe, probe_encoder
from robot_rl.vision.recordings import OBJECT_STATES, Recording, goals_of, read_recording
from tests.data.builders import step_record

SIZE = 32
KINDS = ("position",) * 3 + ("rotation",) * 3 + ("gripper",)
SMALL = OwnConfig(channels=8, candidates=24, frames=300)


def spots(frames: int = 240, episode: int = 12, seed: int = 0) -> Recording:
    """Return images of a white goal somewhere on a grey table, at which each episode ends."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(4, SIZE - 5, (frames, 2)).astype(int)
    images = np.full((frames, SIZE, SIZE, 3), 90, np.uint8)
    for image, (column, row) in zip(images, places, strict=True):
        image[row - 2 : row + 3, column - 2 : column + 3] = 255
    goals = np.zeros((frames, 6), np.float32)
    goals[:, :2] = places / SIZE * 0.2
    poses = rng.normal(size=(frames, 7)).astype(np.float32)
    return Recording({"side": images}, poses, np.arange(frames) // episode, goals, np.zeros((frames, 0)))


def distracted(recording: Recording) -> Recording:
    """Return the recording with something blue of the goal's size that lies elsewhere in each image."""
    rng = np.random.default_rng(1)
    for image in recording.images["side"]:
        column, row = rng.integers(3, SIZE - 4, 2)
        image[row - 2 : row + 3, column - 2 : column + 3] = (60, 200, 255)
    return recording


def test_an_encoder_learned_from_recordings_shows_where_the_goal_is() -> None:
    recording = distracted(spots(480))
    encoder = train_own(SMALL, recording.part(~held_out_rows(recording)))
    assert set(encoder.cameras) == {"side"} and encoder.dataset_card["goals"] == 360
    goal = probe_encoder(encoder, recording).goal
    assert goal is not None and goal.error < 0.3 * goal.from_pose


def test_scale_makes_maxima_vary_no_more_than_places_and_moves_no_place() -> None:
    recording = distracted(spots(480))
    encoders = [train_own(replace(SMALL, scale=scale), recording) for scale in (0.04, 1.0)]
    features, unscaled = (encode_images(encoder, "side", recording.images["side"]) for encoder in encoders)
    places, maxima = np.split(features, [2 * SMALL.channels], axis=1)
    assert maxima.std(0).max() < places.std(0).max()
    assert places == pytest.approx(unscaled[:, : 2 * SMALL.channels], abs=2e-3)


def test_equal_seeds_learn_equal_encoders() -> None:
    recording = spots(60)
    assert train_own(SMALL, recording).identity == train_own(SMALL, recording).identity


def test_the_detectors_that_say_most_beside_the_pose_and_each_other_are_chosen() -> None:
    rng = np.random.default_rng(0)
    poses, goals, features = rng.normal(size=(200, 2)), rng.normal(size=(200, 2)), rng.normal(size=(6, 200, 3))
    features[4, :, 1] = goals[:, 0] + poses[:, 0]
    features[2, :, 0] = features[4, :, 1] + 0.1 * rng.normal(size=200)  # says the same, less well
    features[1, :, 2] = goals[:, 1] + 0.3 * rng.normal(size=200)
    features[3, :, 0] = poses[:, 1]
    goals += poses
    assert choose(features, poses, goals, 2).tolist() == [4, 1]


def test_recordings_without_success_teach_nothing_and_are_refused() -> None:
    recording = spots(60)
    encoder = train_own(SMALL, recording)
    recording.goals[:] = np.nan
    with pytest.raises(ConfigError, match="no episode with success"):
        train_own(SMALL, recording)
    assert probe_encoder(encoder, recording).faults(0.7) == [
        "no goal is known, expected episodes with success among the recordings"
    ]


def test_a_goal_is_the_last_pose_in_the_tools_frame() -> None:
    turned, last = (rotation_log(rot_z(yaw) @ GRIPPER_DOWN @ GRIPPER_DOWN.T) for yaw in (np.pi / 2, 0.0))
    poses = np.array([[0.5, 0.0, 0.2, *turned, 1.0], [0.5, 0.1, 0.1, *last, 0.3]])
    goals = goals_of(poses, KINDS)
    # The hand points down: its y and z axes are turned round; turned by a quarter, its x axis is the base's y.
    assert goals[0] == pytest.approx([0.1, 0.0, 0.1, 0.0, 0.0, np.pi / 2], abs=1e-6)
    assert goals[1] == pytest.approx(np.zeros(6), abs=1e-6)


def test_the_probes_weight_is_chosen_for_episodes_that_it_was_not_fitted_to() -> None:
    rng = np.random.default_rng(0)
    episodes = np.repeat(np.arange(20), 8)
    x, held_out = rng.normal(size=(160, 120)), episodes >= 15
    noisy = x[:, :1] + rng.normal(size=(160, 1))
    assert np.abs(probe(x, x[:, :1], held_out, episodes)).mean() < 0.2
    assert np.square(probe(x, noisy, held_out, episodes)).mean() < 1.5 * np.square(noisy[held_out]).mean()


def test_training_never_sees_a_held_out_episode() -> None:
    recording = spots()
    held_out = held_out_rows(recording)
    seen, judged = set(recording.episodes[~held_out]), set(recording.episodes[held_out])
    assert not seen & judged and len(judged) == len(seen | judged) // 4


def test_the_gate_compares_the_images_with_the_pose_alone() -> None:
    report = ProbeReport(Reading("goal's place", "mm", 12.0, (7.0, 7.0, 6.0), 30.0))
    assert report.faults(limit=0.7) == []
    assert report.faults(limit=0.2) == ["goal's place 12.0 mm, expected 6.0 mm or less"]


@pytest.mark.parametrize("compressed", [False, True])
def test_images_are_read_from_observations_or_compressed_frames(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        steps = []
        for i in range(3):
            image = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            obs = {"state": np.full(7, number + 0.1 * i, np.float32)}
            frames = {"side": compress(image, lossless=True)} if compressed else {}
            obs |= {} if compressed else {"side": image}
            ending = {"next_obs": obs, "next_frames": frames, "truncated": True} if i == 2 else {}
            steps.append(
                step_record(i, episode=number, step=i, **{"obs": obs, "frames": frames, "next_obs": None} | ending)
            )
        write_episode(tmp_path, steps, {OBJECT_STATES: [[1.0, 2.0]] * 4, "success": number > 0})
    recording = read_recording([tmp_path], ["side"], lambda obs: obs["state"], KINDS)
    assert recording.images["side"].shape == (16, SIZE, SIZE, 3) and recording.objects.shape == (16, 2)
    assert recording.episodes.tolist() == [n for n in range(4) for _ in range(4)]
    assert np.isnan(recording.goals).all(1).tolist() == [True] * 4 + [False] * 12
    assert not recording.goals[[7, 11, 15]].any()
    with pytest.raises(ConfigError, match="got none for camera 'wrist'"):
        read_recording([tmp_path], ["wrist"], lambda obs: obs["state"], KINDS)


def test_hardly_any_episodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 0 episodes"):
        read_recording([tmp_path], ["side"], lambda obs: obs["state"], KINDS)
