"""A bag of raw topics becomes episodes: what was observed and commanded comes back, and what is missing is reported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from robot_rl.cli import main
from robot_rl.core.action_layout import ROTATION, TRANSLATION
from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.pose import Pose, rotation_exp
from robot_rl.data.formats import Episode, make_format
from robot_rl.data.health import find_faults
from robot_rl.envs.action import task_layout
from robot_rl.runtime.bags.episodes import BagEpisodes
from robot_rl.tasks import find_task
from tests.runtime.bags.graph_bag import EPOCH_NS, MS, BagWriter, Simulated, simulate, write_run

PERIOD_NS = 100 * MS
TASK = "pick-lift"
BLIND = replace(find_task(TASK), cameras={})


@pytest.fixture(scope="module")
def run() -> Simulated:
    """An episode in which the cube is lifted."""
    return simulate(TASK, seed=3)


@pytest.fixture(scope="module")
def blind() -> Simulated:
    """A short episode without images."""
    return simulate(TASK, seed=4, cameras=(), steps_max=12)


@pytest.fixture
def bag(tmp_path: Path) -> BagWriter:
    return BagWriter(tmp_path / "bag" / "bag_0.mcap")


def read(path: Path) -> tuple[list[Episode], str]:
    """Return the episodes of a bag without cameras, and the remarks."""
    found = BagEpisodes(path, BLIND)
    return list(found.read()), "\n".join(found.remarks)


def state_error(episode: Episode, run: Simulated) -> float:
    """Return the largest error of an entry of the state, which holds the target's lead, too."""
    obs = [step.obs for step in episode.steps] + [episode.steps[-1].next_obs]
    states = np.array([each["state"] for each in obs if each is not None])
    return float(np.abs(states - np.array([each["state"] for each in run.obs])[: len(states)]).max())


def action_errors(episode: Episode, run: Simulated) -> np.ndarray:
    """Return the largest error of each action that neither the leash nor the workspace bounded (T,)."""
    arm, layout, before, found = BLIND.arms[""], task_layout(BLIND), run.states[0].T_base_tcp, []
    for step, action, state, target in zip(episode.steps, run.actions, run.states, run.targets, strict=False):
        parts, R = layout.decode(action), state.T_base_tcp.R
        free = Pose(
            before.p + R @ (arm.action.step_m * parts[TRANSLATION]),
            before.R @ rotation_exp(arm.action.step_rad * parts[ROTATION]),
        )
        if np.abs(target.minus(free)).max() < 1e-9:
            found.append(np.abs(step.action - action).max())
        before = target
    return np.array(found)


def test_run_over_the_graph_comes_back_by_one_command(
    run: Simulated, bag: BagWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(bag, run, EPOCH_NS)
    count = len(run.actions)
    bag.labels(0, 0, EPOCH_NS)
    bag.labels(1, 0, EPOCH_NS + count * PERIOD_NS - 30 * MS)
    bag.close()
    out = tmp_path / "demos"
    words = ["export", str(tmp_path / "bag"), "--out", str(out), "--format", "episodes", "--task", TASK]
    assert main(words) == 0, capsys.readouterr()
    (episode,) = make_format("episodes").read(out)
    assert (len(episode.steps), episode.meta["success"], episode.meta["task"]) == (count, True, find_task(TASK).name)
    actions = action_errors(episode, run)
    print(f"largest errors: state {state_error(episode, run):.1e}; of {len(actions)} free actions {actions.max():.1e}")
    assert state_error(episode, run) < 1e-6 and len(actions) > 2 and actions.max() < 1e-5
    for k, step in enumerate(episode.steps):
        assert all(np.array_equal(step.obs[name], run.obs[k][name]) for name in ("wrist", "side"))
    assert find_faults(episode) == ()
    assert main(["episodes", str(out)]) == 0


def test_fast_commands_of_another_phase_are_resampled(blind: Simulated, bag: BagWriter, tmp_path: Path) -> None:
    for k, state in enumerate(blind.states):
        bag.state(state, EPOCH_NS + k * PERIOD_NS)
        for part in range(5 * (k < len(blind.targets))):
            bag.target(blind.targets[k], blind.fingers_m[k], EPOCH_NS + k * PERIOD_NS + (3 + 20 * part) * MS)
    bag.close()
    (episode,), remarks = read(tmp_path / "bag")
    assert len(episode.steps) == len(blind.actions)
    assert state_error(episode, blind) < 1e-6 and action_errors(episode, blind).max() < 1e-5
    assert "no verdict in the bag" in remarks
    assert episode.steps[-1].success


def test_pause_and_verdict_end_an_episode(blind: Simulated, bag: BagWriter, tmp_path: Path) -> None:
    second_ns = EPOCH_NS + 10_000 * MS
    write_run(bag, blind, EPOCH_NS)
    write_run(bag, blind, second_ns)
    bag.labels(0, 0, EPOCH_NS)
    bag.labels(0, 1, EPOCH_NS + 7 * PERIOD_NS + 50 * MS)
    bag.labels(1, 1, second_ns + 11 * PERIOD_NS + 50 * MS)
    bag.close()
    (lost, won), remarks = read(tmp_path / "bag")
    assert [len(lost.steps), len(won.steps)] == [8, 12]
    ends = [(step.terminated, step.success) for step in (lost.steps[-1], won.steps[-1])]
    assert ends == [(True, False), (True, True)]
    assert "episode 0: 4 steps after the verdict are left out" in remarks


def test_gaps_and_slow_topics_are_reported_and_hide_their_steps(
    blind: Simulated, bag: BagWriter, tmp_path: Path
) -> None:
    write_run(bag, blind, EPOCH_NS, skip=lambda what, k: what == "state" and k in (5, 6, 7))
    bag.close()
    (episode,), remarks = read(tmp_path / "bag")
    assert "current_pose: a gap of 0.40 s" in remarks
    hidden = [step.step for step in episode.steps if not step.observed]
    assert hidden == [4, 5, 6, 7]
    assert "4 steps hidden by faults" in find_faults(episode)
    slow = BagWriter(tmp_path / "slow" / "bag.mcap")
    write_run(slow, blind, EPOCH_NS, skip=lambda what, k: what == "state" and k % 2 == 1)
    slow.close()
    assert "5.0 Hz, a step takes 0.1 s" in read(tmp_path / "slow")[1]


def test_steps_faster_than_the_task_are_clipped_and_reported(blind: Simulated, bag: BagWriter, tmp_path: Path) -> None:
    ahead = np.array([0.1, 0.0, 0.0])
    jumps = [Pose(T.p + ahead * (k > 5), T.R) for k, T in enumerate(blind.targets)]
    write_run(bag, replace(blind, targets=jumps), EPOCH_NS)
    bag.close()
    (episode,), remarks = read(tmp_path / "bag")
    assert "steps faster than the task's action: clipped" in remarks
    assert all(np.abs(step.action).max() <= 1.0 for step in episode.steps)


def test_bag_that_lacks_something_is_refused_with_the_topic(blind: Simulated, bag: BagWriter, tmp_path: Path) -> None:
    bag.target(blind.targets[0], 0.04, EPOCH_NS)
    bag.close()
    with pytest.raises(ConfigError, match="current_pose"):
        read(tmp_path / "bag")
    with pytest.raises(ConfigError, match="ros2 bag record"):
        read(tmp_path / "none")
    whole = BagWriter(tmp_path / "whole.mcap")
    write_run(whole, blind, EPOCH_NS)
    whole.close()
    with pytest.raises(ConfigError, match="camera wrist: got images on no topic"):
        BagEpisodes(tmp_path / "whole.mcap", find_task(TASK))
    data = (tmp_path / "whole.mcap").read_bytes()
    for length in (len(data) // 2, 5):
        (tmp_path / "torn.mcap").write_bytes(data[:length])
        with pytest.raises(CorruptRecordError, match=r"torn\.mcap"):
            read(tmp_path / "torn.mcap")


def test_bag_without_a_task_is_refused_with_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bag_0.mcap").write_bytes(b"")
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "A bag of raw topics needs --task" in capsys.readouterr().err
