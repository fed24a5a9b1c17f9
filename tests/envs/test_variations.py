"""Variations change what they say, in the same scenes, and leave no trace behind."""

from contextlib import closing
from typing import Any, cast

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.envs.variations import KINDS, PUSH_FROM_S, PUSH_S, Variation, parse_variations, vary

SEED = 5


@pytest.fixture(scope="module")
def env():
    with closing(make_simulated_env("pick-lift", cameras=())) as made:
        yield made


@pytest.fixture(scope="module")
def episodes(env):
    return vary(env)


def path(env: Any, steps: int = 12) -> np.ndarray:
    """States (T, S) of the expert's first steps in the same scene."""
    states = [env.reset(seed=SEED)[0]["state"]]
    states += [env.step(env.expert_action())[0]["state"] for _ in range(steps)]
    return np.array(states)


def test_without_a_variation_the_arm_moves_as_before_bit_for_bit(env: Any, episodes: Any) -> None:
    with closing(make_simulated_env("pick-lift", cameras=())) as plain:
        before = path(plain)
    episodes.variation = None
    np.testing.assert_array_equal(path(env), before)


@pytest.mark.parametrize("kind", KINDS)
def test_variation_begins_in_the_same_scene_and_leaves_no_trace(kind: str, env: Any, episodes: Any) -> None:
    model = episodes.simulation.model
    episodes.variation = None
    nominal = path(env)
    values = [a.copy() for a in (model.geom_friction, model.geom_solref, model.cam_pos, model.cam_quat)]
    episodes.variation = Variation(kind, KINDS[kind].levels[0])
    varied = path(env)
    np.testing.assert_allclose(varied[0], nominal[0], atol=1e-4)
    episodes.variation = None
    np.testing.assert_array_equal(path(env), nominal)
    for array, value in zip(
        (model.geom_friction, model.geom_solref, model.cam_pos, model.cam_quat), values, strict=True
    ):
        np.testing.assert_array_equal(array, value)


@pytest.mark.parametrize(("kind", "level"), [("stiffness", 0.5), ("delay", 50.0), ("push", 20.0)])
def test_variation_of_the_arm_changes_its_motion(kind: str, level: float, env: Any, episodes: Any) -> None:
    episodes.variation = None
    nominal = path(env, 22)
    episodes.variation = Variation(kind, level)
    assert np.abs(path(env, 22) - nominal).max() > 0.01


def test_delayed_command_arrives_after_its_delay(env: Any, episodes: Any) -> None:
    episodes.variation = Variation("delay", 30.0)
    env.reset(seed=SEED)
    (robot,) = env.cell.robots.values()
    start = robot.state().T_base_tcp
    goal = start.__class__(start.p + np.array([0.02, 0.0, 0.0]), start.R)
    robot.command(goal, None)
    robot.wait(0.028)
    assert np.abs(episodes.simulation.loop.target.p - goal.p).max() > 0.01
    robot.wait(0.004)
    np.testing.assert_array_equal(episodes.simulation.loop.target.p, goal.p)


def test_long_delay_is_no_silence_of_the_commands(env: Any, episodes: Any) -> None:
    episodes.variation = Variation("delay", 250.0)
    env.reset(seed=SEED)
    assert [env.step(env.expert_action())[-1]["fault"] for _ in range(10)] == [""] * 10


def test_push_acts_once_for_its_time_and_the_wrist_feels_it(env: Any, episodes: Any) -> None:
    episodes.variation = Variation("push", 20.0)
    env.reset(seed=SEED)
    (robot,) = env.cell.robots.values()
    hand = episodes.simulation.data.xfrc_applied[episodes.simulation.model.body("hand").id]
    target, pushed, felt = robot.state().T_base_tcp, [], []
    for _ in range(240):
        robot.command(target, None)
        felt.append(float(np.linalg.norm(robot.wait(0.01).wrench[:3])))
        pushed.append(float(np.linalg.norm(hand[:3])))
    times = np.flatnonzero(np.array(pushed) > 0) * 0.01
    assert max(pushed) == pytest.approx(20.0) and times.size * 0.01 == pytest.approx(PUSH_S, abs=0.011)
    assert PUSH_FROM_S[0] <= times[0] + 0.011 and times[0] <= PUSH_FROM_S[1]
    assert max(felt) > 10.0 and felt[0] < 2.0


def test_light_and_cameras_change_the_images() -> None:
    with closing(make_simulated_env("pick-lift", cameras=("side",))) as env:
        episodes = vary(cast(Any, env))
        nominal = env.reset(seed=SEED)[0]["side"].astype(int)
        for kind, level in (("light", 0.5), ("camera-shift", 10.0), ("camera-turn", 1.0)):
            episodes.variation = Variation(kind, level)
            assert np.abs(env.reset(seed=SEED)[0]["side"] - nominal).mean() > 0.3, kind
        episodes.variation = None
        np.testing.assert_array_equal(env.reset(seed=SEED)[0]["side"], nominal)


def test_camera_is_turned_by_its_angle_about_its_own_place(env: Any, episodes: Any) -> None:
    model = episodes.simulation.model
    places, quats = model.cam_pos.copy(), model.cam_quat.copy()
    episodes.variation = Variation("camera-turn", 2.0)
    env.reset(seed=SEED)
    angles = 2.0 * np.arccos(np.abs((model.cam_quat * quats).sum(axis=1)))
    np.testing.assert_allclose(np.rad2deg(angles), 2.0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(model.cam_quat, axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(model.cam_pos, places)
    episodes.variation = None
    env.reset(seed=SEED)


def test_names_and_levels_are_checked() -> None:
    assert parse_variations(["push=5,10"]) == [Variation("push", 5.0), Variation("push", 10.0)]
    assert {name for name, _ in parse_variations([])} == set(KINDS)
    assert "light" not in {name for name, _ in parse_variations([], cameras=False)}
    for words, error, text in (
        (["pushes"], UnknownNameError, "push"),
        (["push=hard"], ConfigError, "positive numbers"),
        (["push=-3"], ConfigError, "positive numbers"),
        (["delay=1e9"], ConfigError, "positive numbers up to 1000"),
        (["friction=nan"], ConfigError, "positive numbers"),
    ):
        with pytest.raises(error, match=text):
            parse_variations(words)
    with pytest.raises(ConfigError, match="without cameras"):
        parse_variations(["light"], cameras=False)


def test_stiffness_beyond_the_cap_of_the_force_is_refused(env: Any, episodes: Any) -> None:
    episodes.variation = Variation("stiffness", 3.0)
    with pytest.raises(ConfigError, match=r"stiffness: got 3\.0 of the task's"):
        env.reset(seed=SEED)
    episodes.variation = None
