"""Observations: what is declared is what arrives, with and without an encoder."""

import gymnasium
import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.records import check_step
from robot_rl.core.schema import ArraySpec
from robot_rl.runtime.acting.actor import run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.observation import camera_images, encode_steps, step_schema
from robot_rl.runtime.acting.rollout import Rollout
from tests.runtime.acting.point_world import LinearPolicy, PointWorld, RecordingLink, TinyEncoder


@pytest.mark.parametrize("encoder", [None, TinyEncoder()])
def test_records_match_the_declared_schema(encoder) -> None:
    link = RecordingLink()
    config = ActorConfig(max_episodes=2)
    run_actor(Rollout(PointWorld(), LinearPolicy(), encoder), config, link)
    schema = step_schema(PointWorld(), encoder, "point")
    for step in link.steps:
        check_step(step, schema)
    expected = ArraySpec((2, 4), "float16", variants=2) if encoder else ArraySpec((8, 8, 3), "uint8")
    assert schema.observation["wrist"] == expected and schema.task == "point"


def test_recorded_images_are_encoded_as_an_actor_would_have() -> None:
    link = RecordingLink()
    config = ActorConfig(max_episodes=2)
    run_actor(Rollout(PointWorld(), LinearPolicy()), config, link)
    encoded = list(encode_steps(link.steps, TinyEncoder(), np.random.default_rng(0)))
    schema = step_schema(PointWorld(), TinyEncoder(), "point")
    for raw, step in zip(link.steps, encoded, strict=True):
        check_step(step, schema)
        clean = TinyEncoder().encode(raw.obs, np.random.default_rng(1))["wrist"][0]
        np.testing.assert_array_equal(step.obs["wrist"][0], clean)
        np.testing.assert_array_equal(step.obs["state"], raw.obs["state"])
        assert step.last == raw.last and step.sequence == raw.sequence


def test_images_are_the_entries_that_look_like_one() -> None:
    raw, _ = PointWorld().reset(seed=0)
    assert list(camera_images(raw)) == ["wrist"]


def test_what_records_cannot_hold_is_refused() -> None:
    class Elsewhere(TinyEncoder):
        cameras = ("wrsit",)

    with pytest.raises(UnknownNameError, match="did you mean 'wrist'"):
        step_schema(PointWorld(), Elsewhere(), "point")
    env = PointWorld()
    env.action_space = gymnasium.spaces.Discrete(3)
    with pytest.raises(ConfigError, match="expected a Dict and a Box"):
        step_schema(env, None, "point")
