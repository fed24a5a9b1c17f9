"""The Gymnasium environments over the simulator."""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import cv2
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import robot_rl.envs  # noqa: F401 (registers the ids)
from robot_rl.core.action_layout import OPEN, TRANSLATION
from robot_rl.core.errors import ConfigError, NonFiniteActionError, UnknownNameError
from robot_rl.core.pose import Pose, gripper_down
from robot_rl.core.tasks import (
    ActionScale,
    ArmTask,
    Crop,
    GripperRange,
    Outcome,
    StartRegion,
    TaskCamera,
    TaskSpec,
    Workspace,
)
from robot_rl.envs.arm_env import ArmEnv
from robot_rl.envs.episodes import Workcell
from robot_rl.envs.simulated import make_cameras, make_simulated_env
from robot_rl.hardware.robot import RobotState
from robot_rl.tasks import TASKS, environment_id, find_task

IDS = [environment_id(task, varied) for task in TASKS for varied in (False, True)]


@pytest.fixture(scope="module", params=TASKS)
def env(request: pytest.FixtureRequest) -> Iterator[ArmEnv]:
    env = make_simulated_env(request.param, cameras=())
    yield env
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_environment_passes_gymnasiums_checker(name: str) -> None:
    env = gym.make(name, render_mode="rgb_array", disable_env_checker=True)
    check_env(env.unwrapped, skip_render_check=True)
    frame = env.unwrapped.render()
    assert frame.dtype == np.uint8 and frame.ndim == 3 and frame.std() > 5
    env.close()


def test_images_as_they_are_rendered_need_no_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    env = gym.make(IDS[0])
    assert env.reset(seed=0)[0]["wrist"].std() > 5
    env.close()


def test_environment_works_again_after_it_was_closed() -> None:
    """stable-baselines3's checker closes it half way."""
    env = gym.make(IDS[0], render_mode="rgb_array")
    before, _ = env.reset(seed=1)
    image = env.render()
    env.close()
    after, _ = env.reset(seed=1)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert np.array_equal(image, env.render())
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_same_seed_gives_the_same_episode_bit_for_bit(name: str) -> None:
    env = gym.make(name)

    def play() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        seen = [env.reset(seed=3)[0]]
        seen += [env.step(rng.uniform(-1, 1, 7).astype(np.float32))[0] for _ in range(8)]
        return [obs[key].copy() for obs in seen for key in sorted(obs)]

    for one, other in zip(play(), play(), strict=True):
        np.testing.assert_array_equal(one, other)
    env.close()


def test_policy_never_sees_an_objects_pose(env: ArmEnv) -> None:
    env.reset(seed=0)
    seen = []
    for seed in (11, 12):
        obs, _ = env.reset(seed=seed)
        seen.append(obs["state"])
    assert env.observation_space["state"].shape == (25,)
    privileged = make_simulated_env(env.task.name, cameras=(), privileged=True)
    assert privileged.observation_space["state"].shape[0] > 25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_action_is_refused_before_the_arm(env: ArmEnv, bad: float) -> None:
    env.reset(seed=0)
    before = env.cell.robots[""].state()
    action = np.zeros(7)
    action[2] = bad
    with pytest.raises(NonFiniteActionError, match="the arm was not moved"):
        env.step(action)
    after = env.cell.robots[""].state()
    assert after.stamp_ns == before.stamp_ns
    np.testing.assert_array_equal(after.T_base_tcp.p, before.T_base_tcp.p)


def test_time_limit_truncates_and_does_not_terminate(env: ArmEnv) -> None:
    env.reset(seed=0)
    hold = np.zeros(7, np.float32)
    for _ in range(round(env.task.time_limit_s / 0.1) - 1):
        assert env.step(hold)[2:4] == (False, False)
    _, reward, terminated, truncated, info = env.step(hold)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["episode"]["l"] == round(env.task.time_limit_s / 0.1)
    assert not info["success"] and not info["failure"] and not info["fault"]


def test_time_limit_can_be_set_between_two_episodes(env: ArmEnv) -> None:
    env.time_limit_s, before = 0.3, env.time_limit_s
    env.reset(seed=0)
    assert [env.step(np.zeros(7, np.float32))[3] for _ in range(3)] == [False, False, True]
    env.time_limit_s = before


def test_losing_the_part_terminates_as_failure_without_reward() -> None:
    env = make_simulated_env("peg-insert", cameras=())
    env.reset(seed=0)
    opening = np.array([0, 0, 0, 0, 0, 0, 1], np.float32)
    for _ in range(5):
        _, reward, terminated, truncated, info = env.step(opening)
        if terminated:
            break
    assert (reward, terminated, truncated, info["failure"], info["success"]) == (0.0, True, False, True, False)


def test_expert_wins_and_the_reward_is_one_at_the_end_only(env: ArmEnv) -> None:
    env.reset(seed=1)
    rewards = []
    while True:
        _, reward, terminated, truncated, info = env.step(env.expert_action())
        rewards.append(reward)
        if terminated or truncated:
            break
    assert info["success"] and rewards[-1] == 1.0 and sum(rewards) == 1.0
    assert info["episode"]["r"] == 1.0


def test_target_stays_on_its_leash_and_in_the_workspace(env: ArmEnv) -> None:
    workspace = env.task.arm.workspace
    rng = np.random.default_rng(0)
    env.reset(seed=2)
    for _ in range(40):
        push = rng.choice([-1.0, 1.0], 7).astype(np.float32)
        push[6] = 0.0
        before = env.cell.robots[""].state().T_base_tcp
        _, _, terminated, truncated, _ = env.step(push)
        assert np.all(env.targets[""].p >= np.array(workspace.lower_m) - 1e-9)
        assert np.all(env.targets[""].p <= np.array(workspace.upper_m) + 1e-9)
        inside = np.all((before.p > workspace.lower_m) & (before.p < workspace.upper_m))
        if inside:
            assert np.abs(env.targets[""].p - before.p).max() <= env.task.arm.action.leash_m + 1e-9
        if terminated or truncated:
            env.reset()


@pytest.mark.parametrize(
    ("argument", "name", "nearest"), [("task", "pick-lft", "pick-lift"), ("appearance", "varid", "varied")]
)
def test_unknown_names_show_the_nearest(argument: str, name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        make_simulated_env(**{"task": "pick-lift", argument: name})


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_expert_solves_nearly_all_resets(task: str) -> None:
    env = make_simulated_env(task, cameras=())
    assert sum(play(env, seed, open_loop=None) for seed in range(200)) >= 198


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_replaying_an_experts_actions_fails_elsewhere(task: str) -> None:
    env = make_simulated_env(task, cameras=())
    script: list[np.ndarray] = []
    assert play(env, 0, record=script)
    assert sum(play(env, 1000 + seed, open_loop=script) for seed in range(100)) <= 10


def play(
    env: ArmEnv, seed: int, open_loop: list[np.ndarray] | None = None, record: list[np.ndarray] | None = None
) -> bool:
    """One episode by the expert, or by a recorded script that looks at nothing; returns success."""
    env.reset(seed=seed)
    for number in range(1000):
        action = env.expert_action() if open_loop is None else open_loop[min(number, len(open_loop) - 1)]
        if record is not None:
            record.append(action)
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return bool(info["success"])
    raise AssertionError("the episode did not end")


class Obedient:
    """A `Robot` that reaches its target at once."""

    def __init__(self) -> None:
        self.T, self.finger_m = gripper_down(np.array([0.5, 0.5, 0.5])), 0.0

    def state(self) -> RobotState:
        return RobotState(self.T, np.zeros(6), np.zeros(6), self.finger_m, "", 0)

    def command(self, T_base_target: Pose, finger_m: float) -> None:
        self.T, self.finger_m = T_base_target, finger_m

    def wait(self, period_s: float) -> RobotState:
        return self.state()

    def close(self) -> None: ...


class Unjudged:
    """An `EpisodeSource` that neither moves nor judges anything."""

    def reset(self, rng: np.random.Generator) -> dict[str, object]:
        return {}

    def outcome(self) -> Outcome:
        return Outcome(False, False)


def test_each_of_two_arms_moves_by_its_own_part_of_the_action() -> None:
    left = ArmTask(Workspace((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), StartRegion((0.5, 0.5, 0.5)))
    right = replace(left, action=ActionScale(step_rad=0.1), gripper=GripperRange())
    task, robots = (
        TaskSpec("two", {"left": left, "right": right}, cameras={}),
        {"left": Obedient(), "right": Obedient()},
    )
    env = ArmEnv(Workcell(task, robots, {}, Unjudged()))
    env.reset(seed=0)
    start = robots["left"].T
    values = {"left/translation": [0.5, 0.0, 0.0], "right/rotation": [0.0, 0.0, 1.0], "right/gripper": OPEN}
    obs, *_ = env.step(env.action_layout.encode(values))
    assert (obs["left/state"].shape, obs["right/state"].shape) == ((24,), (25,))
    moved, turned = robots["left"].T.minus(start), robots["right"].T.minus(start)
    np.testing.assert_allclose(moved, [0.5 * left.action.step_m, 0, 0, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(turned, [0, 0, 0, 0, 0, -0.1], atol=1e-9)  # its z axis points at the table
    assert (robots["left"].finger_m, robots["right"].finger_m) == (None, right.gripper.open_m)


def test_camera_of_another_size_than_the_tasks_is_refused() -> None:
    arm = ArmTask(Workspace((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), StartRegion((0.5, 0.5, 0.5)))
    with (
        make_simulated_env("pick-lift", cameras=("wrist",)) as env,
        pytest.raises(ConfigError, match="64 x 128 of the"),
    ):
        ArmEnv(
            Workcell(
                TaskSpec("one", {"": arm}, cameras={"wrist": TaskCamera(height=64)}),
                {"": Obedient()},
                env.cell.cameras,
                Unjudged(),
            )
        )


def test_crop_of_a_simulated_camera_is_the_part_that_a_real_one_would_deliver() -> None:
    """A crop of the middle shows what the task sees without one; another one shows that part of the whole image."""
    task = find_task("pick-lift")
    crops = {"wrist": Crop(80, 0, 480, 480), "side": Crop(200, 100, 160, 160)}
    cropped = replace(task, cameras={name: replace(task.cameras[name], crop=crop) for name, crop in crops.items()})
    seen = {}
    for spec in (task, cropped):
        with closing(make_simulated_env(spec)) as env:
            seen[spec is cropped], _ = env.reset(seed=1)
            whole = make_cameras(env.cell.episodes.simulation, ("side",), whole=True)["side"].read().image
    assert whole.shape == (480, 640, 3) and seen[True]["wrist"].shape == seen[False]["wrist"].shape == (128, 128, 3)
    assert np.abs(seen[True]["wrist"].astype(int) - seen[False]["wrist"]).mean() < 4.0
    part = cv2.resize(whole[100:260, 200:360], (128, 128), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(seen[True]["side"], part)


def test_crop_beyond_a_simulated_cameras_image_is_refused() -> None:
    task = find_task("pick-lift")
    camera = replace(task.cameras["side"], crop=Crop(300, 0, 480, 480))
    with pytest.raises(ConfigError, match="within the 640 x 480 image"):
        make_simulated_env(replace(task, cameras=task.cameras | {"side": camera}))


def test_metrics_of_an_episode_tell_forces_and_guards() -> None:
    env = make_simulated_env("pick-lift", cameras=())
    env.reset(seed=0)
    down = env.action_layout.encode({TRANSLATION: (0.0, 0.0, 1.0)})  # along the tool, into the table
    assert env.metrics()["force_peak_n"] == 0.0
    forces_n = [10.0 * np.linalg.norm(env.step(down)[0]["state"][12:15]) for _ in range(40)]  # clipped at 30 N
    pressed = env.metrics()
    assert min(pressed["force_peak_n"], 30.0) == pytest.approx(max(forces_n), rel=1e-3)
    assert 0.0 < pressed["force_mean_n"] < pressed["force_peak_n"]
    env.reset(seed=1)
    assert env.metrics() == {"force_peak_n": 0.0, "force_mean_n": 0.0, "guard_steps": 0}
    env.close()
