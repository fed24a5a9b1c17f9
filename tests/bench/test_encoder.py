"""The probe judges what it did not fit."""

import numpy as np
import pytest

from robot_rl import build
from robot_rl.bench.encoder import collect
from robot_rl.presets import preset
from robot_rl.vision.probe import probe


def test_the_probe_finds_only_places_that_the_features_hold() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 6)) * [1, 10, 100, 1, 1, 1]
    places = np.column_stack([features[:, 1] * 0.3, features @ [1, 0, 0.1, 0, 0, 1] + 5.0, rng.normal(size=400)])
    errors = probe(features, places, np.arange(400) % 4 == 3, episodes=np.arange(400))
    rms = np.sqrt(np.square(errors).mean(0))
    assert rms[:2].max() < 0.05 and 0.8 < rms[2] < 1.2


@pytest.mark.slow
def test_steps_are_collected_from_whole_episodes_of_the_task() -> None:
    config = preset("peg-insert")
    env = build.make_env(config)
    features, places, episodes = collect(env, build.make_encoder(config), 40)
    env.close()
    assert features.shape == (40, 25 + 2 * 96) and places.shape == (40, 3) and np.isfinite(features).all()
    assert episodes[0] == 0 and set(np.diff(episodes)) == {0, 1}
