"""The environment over a real wire, with the simulated robot in a process of its own."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_rl import build
from robot_rl.cli import main
from robot_rl.config import TrainConfig
from robot_rl.envs.graph import GraphEnv
from robot_rl.hardware.robot_config import RobotConfig
from tests.end_to_end.served_process import KINDS, PATIENT, ServedProcess, available

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STILL = np.zeros(7, np.float32)


def config(kind: str) -> TrainConfig:
    return TrainConfig(robot=RobotConfig(kind=kind, **PATIENT))  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return available(request.param)


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


HESITANT = '''
import time
import numpy as np
from robot_rl.teleop.device import DeviceState

class Hesitant:
    """Moves up, after a pause that is longer than a policy may take for an action."""
    reads = 0
    @classmethod
    def open(cls, context):
        return cls()
    def reset(self): ...
    def read(self, proposed=None):
        self.reads += 1
        time.sleep(0.5 if self.reads == 3 else 0.0)
        return DeviceState(np.array([0, 0, -0.2, 0, 0, 0, 0], np.float32), engaged=True)
    def close(self): ...
'''


def test_person_who_pauses_goes_on_moving(served: ServedProcess, kind: str, tmp_path: Path, capsys) -> None:
    """The first test: one client at a time moves an arm."""
    (tmp_path / "hesitant.py").write_text(HESITANT)
    words = ["--device", f"{tmp_path}/hesitant.py:Hesitant", "--seconds", "2", "--robot.kind", kind]
    assert main(["teleop", "pick-lift", *words, "--robot.state-age-ms", "2000"]) == 0
    steps, refused = re.search(r"(\d+) steps, .* (\d+) refused", capsys.readouterr().out).groups()
    assert int(refused) < int(steps) / 2


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
    assert obs["side"].std() > 5, "an image shows something"


def test_reset_by_seed_shows_the_same_scene_again(env: GraphEnv) -> None:
    states, images = [], []
    for seed in (5, 6, 5):
        obs, _ = env.reset(seed=seed)
        states.append(obs["state"])
        images.append(obs["side"].astype(int))
    np.testing.assert_allclose(states[0], states[2], atol=0.05)
    assert np.abs(images[0] - images[2]).mean() < 1.0
    assert np.abs(images[0] - images[1]).mean() > np.abs(images[0] - images[2]).mean()


def test_targets_move_the_arm(env: GraphEnv) -> None:
    env.reset(seed=2)
    start = env.cell.robots[""].state().T_base_tcp.p
    down = np.array([0, 0, 1, 0, 0, 0, 0], np.float32)
    for _ in range(50):  # on a busy machine the served arm is slow
        _, _, _, truncated, info = env.step(down)
        assert not truncated, info["fault"]
        moved = start - env.cell.robots[""].state().T_base_tcp.p
        if moved[2] > 0.03:
            break
    assert moved[2] > 0.03 and np.abs(moved[:2]).max() < 0.01


def test_killed_server_ends_the_episode_and_a_new_one_continues(env: GraphEnv, served: ServedProcess) -> None:
    obs, _ = env.reset(seed=3)
    obs, *_ = env.step(STILL)
    served.kill()
    deadline_s = time.monotonic() + PATIENT["state_age_ms"] / 1000 + 30.0
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
