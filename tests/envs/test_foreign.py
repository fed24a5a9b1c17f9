"""Adapter of foreign Gymnasium environments: spaces, action range, success, limits and refusals."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robot_rl.build import foreign_config
from robot_rl.core.errors import ConfigError
from robot_rl.envs.foreign import ForeignEnv, make_foreign_env
from robot_rl.envs.foreign_config import ForeignConfig, is_foreign
from robot_rl.envs.foreign_images import resized
from robot_rl.envs.protocol import expert_environment, robot_environment
from robot_rl.presets import preset

FORMAL = float(np.finfo(np.float32).max)


class World(gymnasium.Env):
    """Reports what a test scripts; remembers the actions."""

    metadata = {"render_modes": [], "render_fps": 25}  # noqa: RUF012

    def __init__(self, observation=None, action=None, script=(), info=None):
        self.observation_space = observation or Box(-1.0, 1.0, (2,), np.float64)
        self.action_space = action or Box(-1.0, 1.0, (2,), np.float32)
        self.script, self.actions, self.info = list(script), [], info or {}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.actions.append(action)
        reward, terminated = self.script.pop(0) if self.script else (0.0, False)
        return self.observation_space.sample(), reward, terminated, False, self.info


def adapt(env: gymnasium.Env, **settings) -> ForeignEnv:
    return ForeignEnv(env, ForeignConfig(**settings))


def test_nested_entries_become_one_state_and_images_by_their_names() -> None:
    space = Dict(
        {
            "achieved_goal": Box(-np.inf, np.inf, (3,), np.float64),
            "desired_goal": Box(-np.inf, np.inf, (3,), np.float64),
            "robot": Dict({"q": Box(-2.0, 6.0, (2, 2), np.float32), "dq": Box(-FORMAL, FORMAL, (1,), np.float32)}),
            "pixels": Dict({"top": Box(0, 255, (32, 48, 3), np.uint8), "first": Box(0, 255, (3, 20, 20), np.uint8)}),
            "depth": Box(0, 255, (16, 16, 1), np.uint8),
        }
    )
    env, world = adapt(World(space), image_size=16), World(space)
    obs, _ = env.reset(seed=3)
    raw, _ = world.reset(seed=3)
    assert {name: (entry.shape, entry.dtype.name) for name, entry in obs.items()} == {
        "state": ((12,), "float32"),
        "pixels/top": ((16, 16, 3), "uint8"),
        "pixels/first": ((16, 16, 3), "uint8"),
        "depth": ((16, 16, 3), "uint8"),
    }
    expected = [*raw["achieved_goal"], *raw["desired_goal"], *raw["robot"]["dq"], *(raw["robot"]["q"].ravel() - 2) / 4]
    np.testing.assert_allclose(obs["state"], [*expected, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(obs["depth"], np.repeat(raw["depth"], 3, axis=2))
    assert env.observation_space.contains(obs)


def test_flat_vector_and_single_image_get_a_name_and_images_can_be_left_out() -> None:
    assert set(adapt(World()).observation_space.spaces) == {"state"}
    image = World(Box(0, 255, (64, 64, 3), np.uint8))
    assert set(adapt(image).observation_space.spaces) == {"image"}
    both = Dict({"x": Box(-1.0, 1.0, (2,)), "view": Box(0, 255, (9, 9, 3), np.uint8)})
    assert set(ForeignEnv(World(both), ForeignConfig(), images=False).observation_space.spaces) == {"state"}


def test_several_rendered_images_are_shown_side_by_side() -> None:
    class Rendered(World):
        render_mode = "rgb_array"

        def render(self):
            return [np.zeros((4, 6, 3), np.uint8), np.ones((4, 6, 3), np.uint8)]

    image = adapt(Rendered()).render()
    assert image.shape == (4, 12, 3) and image[:, :6].max() == 0 and image[:, 6:].min() == 1


@given(hnp.arrays(np.float32, 3, elements=st.floats(-1.0, 1.0, width=32)))
def test_action_is_scaled_to_the_bounds_and_shaped_as_the_environment_wants(action: np.ndarray) -> None:
    low, high = np.array([[-2.0], [0.0], [5.0]]), np.array([[2.0], [10.0], [6.0]])
    env = adapt(World(action=Box(low, high, dtype=np.float64)))
    env.reset()
    env.step(action)
    (done,) = env.unwrapped.actions
    assert done.shape == (3, 1) and done.dtype == np.float64 and env.unwrapped.action_space.contains(done)
    np.testing.assert_allclose(done.ravel(), [2.0 * action[0], 5.0 + 5.0 * action[1], 5.5 + 0.5 * action[2]], atol=1e-6)


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (Discrete(4), r"got Discrete\(4\), expected a Box of floats"),
        (Box(0, 3, (2,), np.int64), "expected a Box of floats"),
        (Box(-np.inf, np.inf, (2,), np.float32), "without finite bounds"),
    ],
)
def test_actions_that_cannot_be_scaled_are_refused_by_name(space, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        adapt(World(action=space))


def test_observation_that_is_no_box_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"observation 'a/flag': got MultiBinary\(2\)"):
        adapt(World(Dict({"a": Dict({"flag": MultiBinary(2)})})))


@pytest.mark.parametrize(
    ("info", "rule", "script", "successes"),
    [
        ({"is_success": np.float32(1.0)}, "auto", [(-1.0, False)], [True]),
        ({"success": False}, "auto", [(5.0, True)], [False]),  # what is reported counts more than the reward
        ({"succeed": True}, "info", [(0.0, False)], [True]),
        ({}, "auto", [(1.0, False), (-1.0, True)], [False, False]),
        ({}, "auto", [(0.0, False), (1.0, True)], [False, True]),
        ({}, "info", [(1.0, True)], [False]),
        ({"is_success": True}, "never", [(1.0, True)], [False]),
    ],
)
def test_success_is_what_info_reports_else_a_termination_with_reward(info, rule, script, successes) -> None:
    env = adapt(World(script=script, info=info), success=rule, reward_scale=0.5)
    env.reset()
    for (reward, terminated), expected in zip(script, successes, strict=True):
        _, paid, ended, _, reported = env.step(np.zeros(2))
        assert (paid, ended, reported["success"]) == (0.5 * reward, terminated, expected)
        assert reported["failure"] == (terminated and not expected)


def test_reward_of_success_replaces_the_environments_and_ends_the_episode() -> None:
    class Reaches(World):
        def step(self, action):
            obs, _, _, truncated, _ = super().step(action)
            return obs, -7.0, False, truncated, {"success": len(self.actions) == 2}

    env = adapt(Reaches(), reward="success", reward_scale=2.0)
    env.reset()
    assert env.step(np.zeros(2))[1:4] == (0.0, False, False)
    _, paid, ended, _, info = env.step(np.zeros(2))
    assert (paid, ended, info["success"], info["failure"]) == (2.0, True, True, False)


@pytest.fixture
def lab(tmp_path) -> Path:
    file = tmp_path / "lab.py"
    file.write_text(
        "from tests.envs.test_foreign import World\nfrom gymnasium.spaces import Box\n\n\n"
        "class Lab(World):\n    def __init__(self):\n"
        "        super().__init__(Box(0.0, 5.0, (2,)), Box(-2.0, 2.0, (2,)), info={'success': True})\n\n\n"
        "class Expert:\n    def get_action(self, obs):\n        return [obs[0] - 2.0, 9.0]\n\n\n"
        "class NoExpert:\n    pass\n"
    )
    return file


def test_expert_sees_the_environments_own_observation_and_gives_its_own_action(lab) -> None:
    env = make_foreign_env(f"{lab}:Lab", ForeignConfig(expert=f"{lab}:Expert"))
    expert, (obs, _) = expert_environment(env), env.reset(seed=1)
    raw = obs["state"][0] * 2.5 + 2.5
    np.testing.assert_allclose(expert.expert_action(), [(raw - 2.0) / 2.0, 1.0], atol=1e-6)
    assert expert.true_outcome() == (False, False)
    env.step(expert.expert_action())
    assert expert.true_outcome() == (True, False)
    np.testing.assert_allclose(env.unwrapped.actions[0], [raw - 2.0, 2.0], atol=1e-6)
    with pytest.raises(ConfigError, match=r"expected a class with get_action\(obs\)"):
        make_foreign_env(f"{lab}:Lab", ForeignConfig(expert=f"{lab}:NoExpert"))


def test_settings_to_start_from_are_those_of_own_tasks_where_a_policy_demonstrates(lab) -> None:
    alone, shown = foreign_config(f"{lab}:Lab", "{}", None), foreign_config(f"{lab}:Lab", "{}", f"{lab}:Expert")
    assert (alone.demonstrations, alone.human.kind, alone.env.reward) == (0, "none", "own")
    assert (shown.demonstrations, shown.human.kind, shown.env.reward, shown.speed) == (20, "scripted", "success", None)
    assert shown.env.expert == f"{lab}:Expert" and shown.agent.bc_weight == preset("pick-lift").agent.bc_weight


def test_environment_without_an_expert_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"or --env\.expert"):
        expert_environment(adapt(World()))


def test_seed_reaches_environments_that_draw_from_numpys_global_generator() -> None:
    class Lab(World):
        def reset(self, *, seed=None, options=None):
            return np.random.uniform(-1.0, 1.0, 2), {}

    env = adapt(Lab())
    first, second = env.reset(seed=3)[0]["state"], env.reset(seed=3)[0]["state"]
    np.testing.assert_array_equal(first, second)


@given(st.integers(8, 40), st.integers(8, 40), st.integers(8, 24))
def test_resized_image_keeps_its_mean_and_a_uniform_image_its_colour(height: int, width: int, size: int) -> None:
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    small = resized(image, size)
    assert small.shape == (size, size, 3) and small.dtype == np.uint8
    assert abs(small.mean() - image.mean()) <= 0.51
    np.testing.assert_array_equal(resized(np.full((height, width, 3), 77, np.uint8), size), np.full_like(small, 77))


@pytest.mark.filterwarnings("ignore:.*(different from the unwrapped version|probably too)")
def test_gymnasiums_checker_passes_on_an_adapted_environment() -> None:
    check_env(adapt(gymnasium.make("Pendulum-v1").unwrapped), skip_render_check=True)


def test_limits_and_periods_are_the_environments_own_unless_given(tmp_path) -> None:
    file = tmp_path / "lab_world.py"
    file.write_text(
        "from tests.envs.test_foreign import World\n\n\nclass Lab(World):\n    def __init__(self, size=2):\n"
        "        super().__init__(size and None)\n"
    )
    own, shorter = make_foreign_env("gym:Pendulum-v1", ForeignConfig()), ForeignConfig(max_steps=3)
    assert steps_to_the_end(own) == 200 and robot_environment(own).period_s == pytest.approx(1 / 30)
    assert steps_to_the_end(make_foreign_env("gym:Pendulum-v1", shorter)) == 3
    lab = make_foreign_env(f"{file}:Lab", ForeignConfig('{"size": 3}'))
    assert steps_to_the_end(lab) == 1000 and lab.period_s == 0.04 and lab.action_layout.size == 2


def steps_to_the_end(env: ForeignEnv) -> int:
    env.reset(seed=0)
    steps, ended = 0, False
    while not ended:
        *_, terminated, truncated, _ = env.step(np.zeros(env.action_layout.size))
        steps, ended = steps + 1, terminated or truncated
    return steps


@pytest.mark.parametrize(
    ("task", "kwargs", "text"),
    [
        ("gym:Pendulmu-v1", "{}", "Pendulum"),
        ("gym:no_such_package/World-v0", "{}", "no_such_package"),
        ("gym:Pendulum-v1", '{"gravitty": 3}', "gravitty"),
        ("math:pow", "{}", "expected gym:ENV_ID"),
        ("collections:OrderedDict", "{}", "expected a gymnasium.Env"),
        ("gym:CartPole-v1", "{}", r"Discrete\(2\)"),
    ],
)
def test_environment_that_cannot_be_made_is_refused_with_its_reason(task: str, kwargs: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        make_foreign_env(task, ForeignConfig(kwargs))


def test_arguments_that_are_no_object_are_refused() -> None:
    for text in ("{", "[1]"):
        with pytest.raises(ConfigError, match=r"env.kwargs: got .*expected a JSON object"):
            ForeignConfig(text)


def test_foreign_tasks_are_distinguished_from_this_projects() -> None:
    assert is_foreign("gym:Anything-v0") and is_foreign("gymnasium:Env")
    assert not is_foreign("pick-lift") and not is_foreign("robot_rl.core.tasks:PERIOD_S")
