"""Goal read-out of an encoder: what it learns, what an agent receives, which files and observations are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.build import make_definition
from robot_rl.config import TrainConfig, VisionConfig
from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.runtime.acting.observation import encode_observation, encoded_schema
from robot_rl.vision.architecture import EncoderFile, load_encoder, save_encoder
from robot_rl.vision.frozen import FrozenEncoder
from robot_rl.vision.goal_config import GoalConfig
from robot_rl.vision.goal_reader import GoalReader, PoseEntry, scaled
from robot_rl.vision.goal_training import train_goal_reader
from robot_rl.vision.own import train_own
from robot_rl.vision.probe import all_features, held_out_rows, probe_encoder
from robot_rl.vision.recordings import Recording
from tests.agents.samples import ONE_ARM
from tests.vision.test_own import SIZE, SMALL, spots

POSE = tuple(PoseEntry("state", index, 1.0) for index in range(7))
QUICK = GoalConfig(members=2, hidden=32, steps=400, batch=64, noise=0.2)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return spots(480)


@pytest.fixture(scope="module")
def encoder(recording: Recording) -> EncoderFile:
    seen = recording.part(~held_out_rows(recording))
    encoder = train_own(SMALL, seen)
    features = all_features(encoder, seen.images)
    return replace(encoder, goal=train_goal_reader(QUICK, features, seen.poses, seen.goals, POSE))


def observation(recording: Recording, row: int) -> dict[str, np.ndarray]:
    return {"side": recording.images["side"][row], "state": recording.poses[row]}


def test_the_read_out_finds_goals_of_episodes_that_it_never_saw(encoder: EncoderFile, recording: Recording) -> None:
    readings = {reading.name: reading for reading in probe_encoder(encoder, recording).others}
    assert readings["read-out"].error < 0.3 * readings["read-out"].from_pose


def test_an_agent_sees_the_goal_that_the_probe_judges(encoder: EncoderFile, recording: Recording) -> None:
    frozen = FrozenEncoder(encoder, ("side",), variants=1)
    encoded = encode_observation(observation(recording, 3), frozen, np.random.default_rng(0))
    assert encoder.goal is not None
    inputs = np.column_stack([all_features(encoder, recording.images), recording.poses])[3:4]
    assert encoded["goal"] == pytest.approx(scaled(encoder.goal.goals(inputs)), abs=5e-3)
    schema = StepSchema(
        {"side": ArraySpec((SIZE, SIZE, 3), "uint8"), "state": ArraySpec((7,), "float32")}, ONE_ARM, "t"
    )
    encoded_schema(schema, frozen).check_observation(encoded)


def test_each_variant_of_an_image_has_its_own_read_out(encoder: EncoderFile, recording: Recording) -> None:
    goal = FrozenEncoder(encoder, ("side",), variants=4).encode(observation(recording, 0), np.random.default_rng(0))
    assert goal["goal"].shape == (4, 16) and goal["goal"].dtype == np.float16
    assert len(np.unique(goal["goal"], axis=0)) > 1


def test_near_the_goal_a_millimetre_shows_and_far_away_nothing_is_infinite() -> None:
    near, nearer, far = scaled(np.array([[0.002] + 5 * [0.0], [0.001] + 5 * [0.0], 6 * [1e3]])).astype(float)
    assert near[1] - nearer[1] > 0.15 and near[0] == 1.0
    assert np.abs(far).max() <= 1.0


def test_two_arms_have_a_goal_each() -> None:
    goals = np.arange(12.0)[None] / 100
    assert scaled(goals).shape == (1, 31)
    assert scaled(goals)[0, 1:16] == pytest.approx(scaled(goals[:, :6])[0, 1:])


def test_a_file_keeps_the_read_out_and_identity_covers_it(encoder: EncoderFile, tmp_path: Path) -> None:
    save_encoder(tmp_path / "own.safetensors", encoder)
    read = load_encoder(tmp_path / "own.safetensors")
    assert read.identity == encoder.identity and read.goal is not None and encoder.goal is not None
    assert read.goal.pose == POSE and read.params.keys() == encoder.params.keys()
    moved = GoalReader({**read.goal.weights, "goal_mean": read.goal.weights["goal_mean"] + 0.001}, POSE)
    assert len({read.identity, replace(read, goal=moved).identity, replace(read, goal=None).identity}) == 3


def test_equal_seeds_learn_equal_read_outs(recording: Recording) -> None:
    config, features = replace(QUICK, steps=20), np.random.default_rng(0).normal(size=(480, 5))
    first, second = (train_goal_reader(config, features, recording.poses, recording.goals, POSE) for _ in range(2))
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)


def test_an_observation_without_the_pose_is_refused(encoder: EncoderFile, recording: Recording) -> None:
    frozen = FrozenEncoder(encoder, ("side",), variants=1)
    for state in ({}, {"state": np.zeros(3, np.float32)}):
        with pytest.raises(SchemaMismatchError, match="expected the arms' pose in state"):
            frozen.encode({"side": recording.images["side"][0], **state}, np.random.default_rng(0))


def test_an_agent_of_the_goal_alone_sees_no_features(encoder: EncoderFile, tmp_path: Path) -> None:
    save_encoder(tmp_path / "own.safetensors", encoder)
    observation = {"side": ArraySpec((SIZE, SIZE, 3), "uint8"), "state": ArraySpec((7,), "float32")}
    schema = encoded_schema(StepSchema(observation, ONE_ARM, "t"), FrozenEncoder(encoder, ("side",)))
    config = TrainConfig(vision=VisionConfig(goal_only=True))
    assert set(schema.observation) == {"goal", "side", "state"}  # features stay in the replay, for classifiers
    assert set(make_definition(schema, config).observation) == {"goal", "state"}
    assert set(make_definition(schema, TrainConfig()).observation) == {"goal", "side", "state"}


def test_an_agent_of_the_goal_alone_needs_a_read_out() -> None:
    schema = StepSchema({"side": ArraySpec((4, 96), "float16", variants=4)}, ONE_ARM, "t")
    with pytest.raises(ConfigError, match=r"vision.goal_only: got an encoder without a goal read-out"):
        make_definition(schema, TrainConfig(vision=VisionConfig(goal_only=True)))


def test_a_camera_of_the_read_outs_name_is_refused(encoder: EncoderFile) -> None:
    image = ArraySpec((SIZE, SIZE, 3), "uint8")
    with pytest.raises(ConfigError, match=r"got \['goal'\]"):
        encoded_schema(StepSchema({"side": image, "goal": image}, ONE_ARM, "t"), FrozenEncoder(encoder, ("side",)))


def test_a_read_out_of_other_cameras_is_refused(encoder: EncoderFile) -> None:
    shared = {name.replace("side/", "shared/"): array for name, array in encoder.params.items()}
    with pytest.raises(ConfigError, match="got cameras side, wrist, expected side"):
        FrozenEncoder(replace(encoder, params=shared), ("wrist", "side"))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("w1", np.zeros((2, 32, 31))),
        ("b0", np.full((2, 1, 32), np.nan)),
        ("goal_mean", np.zeros(5)),
        ("extra", np.zeros(1)),
    ],
)
def test_weights_that_do_not_fit_are_refused(encoder: EncoderFile, name: str, array: np.ndarray) -> None:
    assert encoder.goal is not None
    with pytest.raises(ConfigError, match="goal read-out"):
        GoalReader({**encoder.goal.weights, name: array}, POSE)
