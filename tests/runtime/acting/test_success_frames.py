"""Frames for a reward classifier: those after success are successes, all others are not."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.data.episodes import EpisodeFiles
from robot_rl.rewards.combined import make_reward
from robot_rl.rewards.success_model import Views
from robot_rl.runtime.acting.demonstrations import HELD, load_demonstrations
from robot_rl.runtime.acting.record import RecordingConfig, collect_demonstrations
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.success_frames import read_frames
from robot_rl.teleop.device import DeviceState
from robot_rl.testing import FakeClock
from tests.runtime.acting.point_world import TIME_LIMIT, Person, PointWorld, TinyEncoder
from tests.runtime.acting.test_record import expert

VIEWS = Views("tiny", {"wrist": ""}, {"state": (0, 1, 2, 3)})


def record(folder: Path, episodes: int, human=None, **more) -> int:
    env = PointWorld()
    rollout = Rollout(env, human=human or expert(env.expert_action), reward=make_reward(), clock=FakeClock())
    return collect_demonstrations(rollout, RecordingConfig(folder, episodes, **more), progress=False).steps


def distance(inputs: np.ndarray) -> np.ndarray:
    """Distance of the point from its goal."""
    return np.linalg.norm(inputs[:, 0, -2:] - inputs[:, 0, -4:-2], axis=-1)


def test_frames_held_after_success_are_successes_and_no_part_of_the_demonstration(tmp_path: Path) -> None:
    steps = record(tmp_path, 3, hold_success=4)
    frames = read_frames([tmp_path], TinyEncoder(), VIEWS)
    assert frames.success.sum() == 3 * (1 + 4) and (~frames.success).sum() == steps
    assert (distance(frames.inputs[frames.success]) < 0.16).all()
    assert all(frames.success[frames.episode == number].sum() == 5 for number in range(3))
    assert len(list(load_demonstrations(tmp_path, TinyEncoder()))) == steps


def test_failures_and_play_are_negatives_of_episodes_of_their_own(tmp_path: Path) -> None:
    record(tmp_path / "demos", 2)
    steps = record(tmp_path / "play", 2, expert(lambda: np.zeros(3, np.float32)), keep_failures=True)
    assert steps == TIME_LIMIT + 1  # one of them begins at the goal
    frames = read_frames([tmp_path / "demos", tmp_path / "play"], TinyEncoder(), VIEWS)
    play = frames.episode >= 2
    assert set(frames.episode) == {0, 1, 2, 3} and frames.success.sum() == 3
    assert frames.success[play].sum() == 1 and play.sum() == steps + 2  # each episode's closing frame, too


@pytest.mark.parametrize(("margin", "unsure"), [(None, 3), (0, 0), (1, 1)])
def test_frames_before_a_label_are_unsure_by_the_reaction_time(tmp_path: Path, margin: int | None, unsure: int) -> None:
    move = DeviceState(np.zeros(3, np.float32), engaged=True)
    go = [DeviceState(), DeviceState(ready=True)]
    record(tmp_path, 1, Person([*go, *[move] * 8, DeviceState(labels=("success",))]))
    frames = read_frames([tmp_path], TinyEncoder(), VIEWS, margin)
    assert frames.success.sum() == 1 and (~frames.success).sum() == 6 - unsure


def test_folders_without_episodes_or_of_another_encoder_are_refused(tmp_path: Path) -> None:
    for folders in ([], [tmp_path]):
        with pytest.raises(ConfigError, match="without episodes, expected recordings"):
            read_frames(folders, TinyEncoder(), VIEWS)
    env = PointWorld()
    rollout = Rollout(env, encoder=TinyEncoder(), human=expert(env.expert_action))
    collect_demonstrations(rollout, RecordingConfig(tmp_path, 1), progress=False)
    with pytest.raises(RunFolderError, match="features of encoder tiny and no frames"):
        read_frames([tmp_path], None, VIEWS)


def test_success_held_after_no_episode_is_refused_with_both_sides_and_stays(tmp_path: Path) -> None:
    record(tmp_path, 2, hold_success=2)
    EpisodeFiles().remove_last(tmp_path)  # by hand: what was held after it stays
    with pytest.raises(ConfigError, match=r"success held after episode 1 in .*, expected one of its 1 episodes"):
        read_frames([tmp_path], TinyEncoder(), VIEWS)
    assert EpisodeFiles().count(tmp_path / HELD) == 2
