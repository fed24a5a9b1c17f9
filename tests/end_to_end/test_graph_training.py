"""The environment and a training over a real wire, with the simulated robot in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.config import TrainConfig, preset
from robot_rl.envs.graph import GraphEnv
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.runtime.metrics import read_metrics
from tests.end_to_end.served_process import ServedProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STILL = np.zeros(7, np.float32)
KINDS = [pytest.param("dds", marks=pytest.mark.dds), pytest.param("ros", marks=pytest.mark.ros)]
# A busy machine is slow, not wrong: these tests ask what happens, benchmarks ask how fast.
PATIENT = {
    "state_age_ms": 2000.0,
    "image_age_ms": 3000.0,
    "skew_ms": 3000.0,
    "reaction_ms": 3000.0,
    "reset_timeout_s": 60.0,
}


def config(kind: str) -> TrainConfig:
    return TrainConfig(robot=RobotConfig(kind=kind, **PATIENT))  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "ros" and importlib.util.find_spec("rclpy") is None:
        pytest.skip("rclpy cannot be imported: source a ROS 2 installation's setup.bash before pytest")
    return str(request.param)


@pytest.fixture(scope="module")
def served(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    log = tmp_path_factory.mktemp("served") / "log.txt"
    with ServedProcess(log, "pick-lift", "--image-hz", "15", kind=kind) as process:
        yield process


@pytest.fixture(scope="module")
def env(served: ServedProcess, kind: str) -> Iterator[GraphEnv]:
    env = build.make_env(config(kind))
    assert isinstance(env, GraphEnv)
    yield env
    env.close()


def test_environment_keeps_gymnasiums_contract_over_the_wire(env: GraphEnv) -> None:
    obs, info = env.reset(seed=1)
    assert env.observation_space.contains(obs) and set(obs) == {"state", "wrist", "side"}
    assert (info["success"], info["failure"], info["fault"]) == (False, False, "")
    for _ in range(5):
        action = env.action_space.sample()
        obs, reward, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(obs)
        assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
        assert info["timing"]["act_to_obs_ms"] >= 0.0
        if terminated or truncated:
            break
    assert obs["side"].std() > 5, "a picture shows something"


def test_reset_by_seed_shows_the_same_scene_again(env: GraphEnv) -> None:
    states, pictures = [], []
    for seed in (5, 6, 5):
        obs, _ = env.reset(seed=seed)
        states.append(obs["state"])
        pictures.append(obs["side"].astype(int))
    np.testing.assert_allclose(states[0], states[2], atol=0.05)
    assert np.abs(pictures[0] - pictures[2]).mean() < 1.0
    assert np.abs(pictures[0] - pictures[1]).mean() > np.abs(pictures[0] - pictures[2]).mean()


def test_targets_move_the_arm(env: GraphEnv) -> None:
    env.reset(seed=2)
    start = env.robot.state().T_base_tcp.p
    down = np.array([0, 0, 1, 0, 0, 0, 0], np.float32)
    for _ in range(8):
        _, _, _, truncated, info = env.step(down)
        assert not truncated, info["fault"]
    assert start[2] - env.robot.state().T_base_tcp.p[2] > 0.02


def test_killed_server_ends_the_episode_and_a_new_one_goes_on(env: GraphEnv, served: ServedProcess) -> None:
    obs, _ = env.reset(seed=3)
    obs, *_ = env.step(STILL)
    served.kill()
    deadline_s = time.monotonic() + PATIENT["state_age_ms"] / 1000 + 1.0
    truncated = False
    while not truncated:
        last, reward, terminated, truncated, info = env.step(STILL)
        assert (reward, terminated) == (0.0, False)
        assert time.monotonic() < deadline_s, "stale observations were used"
        if not truncated:
            obs = last
    assert info["fault"] and "episode" in info
    for name in obs:
        np.testing.assert_array_equal(last[name], obs[name])
    served.start()
    env.reset(seed=4)  # DDS forgets the dead after its lease; the reset waits for that
    assert not env.step(STILL)[3]


def test_training_over_the_wire_learns_from_the_arm(served: ServedProcess, kind: str, tmp_path: Path) -> None:
    """Records arrive, weights come back and act, and the loop over the wire is in the report."""
    robot = [f"--robot.{name.replace('_', '-')}={value}" for name, value in PATIENT.items()]
    command = [
        "train", "pick-lift", "--robot.kind", kind, "--runs", str(tmp_path), "--run-name", "wire", *robot,
        "--demonstrations", "2", "--minutes", "12", "--env-steps", "160", "--evaluation.episodes", "1",
        "--evaluation.video-episodes", "0", "--learner.governor.pretrain-updates", "40",
        "--learner.governor.learning-starts", "40", "--learner.publish-every-updates", "8",
    ]  # fmt: skip
    subprocess.run([sys.executable, "-m", "robot_rl", *command], check=True, timeout=800)
    run = tmp_path / "wire"
    episodes = read_metrics(run / "actor-0", kind="episode")
    assert sum(episode["steps"] for episode in episodes) >= 120
    assert max(episode["policy_version"] for episode in episodes) > 0, "weights must come back and act"
    updates = read_metrics(run / "learner", kind="update")
    assert updates[-1]["updates"] > 0 and updates[-1]["transitions"] >= 100, "records must arrive"
    assert all(episode["act_to_obs_ms_p50"] > 0 for episode in episodes if not episode["fault"])
    report = (run / "report.md").read_text()
    assert "The loop over the graph" in report and (run / "timing.png").stat().st_size > 1000
    assert preset("pick-lift").speed == 3.0, "in the simulator's own time it may be hurried"
