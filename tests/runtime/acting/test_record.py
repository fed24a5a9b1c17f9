"""Demonstrations: whole successful episodes on disk, and the same ones back as an actor's records."""

import os
import select
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, DeviceLostError, RobotRLError, RunFolderError, StopRequestedError
from robot_rl.core.records import Source, check_step
from robot_rl.data.episodes import list_episodes, read_episode, write_episode
from robot_rl.data.replay import Replay
from robot_rl.rewards.combined import CombinedReward, make_reward
from robot_rl.rewards.source import RewardSource, StepOutcome, Verdict
from robot_rl.runtime.acting.demonstrations import load_demonstrations
from robot_rl.runtime.acting.observation import step_schema
from robot_rl.runtime.acting.record import (
    ATTEMPTS_PER_EPISODE,
    RecordingConfig,
    collect_demonstrations,
    remove_newest,
)
from robot_rl.runtime.acting.recording_screen import RecordingSummary
from robot_rl.runtime.acting.recordings import Origin, check_demonstrations, check_recordings
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import RESETS_MAX
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.devices.keyboard import Keyboard
from robot_rl.teleop.devices.scripted import ExpertDevice, FunctionExpert
from robot_rl.testing import FakeClock
from tests.runtime.acting.point_world import LAYOUT, Person, PointWorld, TinyEncoder

GO = (DeviceState(), DeviceState(ready=True))
"""A person who says that the scene is set, once asked."""


def record(folder: Path, episodes: int, human: Device | None = None, **more) -> RecordingSummary:
    env = more.pop("env", None) or PointWorld()
    should_stop, clock = more.pop("should_stop", lambda: False), more.pop("clock", FakeClock())
    reward = make_reward(settings={"human-label.reaction_s": str(more.pop("reaction_s", 0.0))})
    rollout = Rollout(env, human=human or expert(env.expert_action), reward=reward, clock=clock)
    config = RecordingConfig(folder, episodes, origin=more.pop("origin", Origin("point")), **more)
    return collect_demonstrations(rollout, config, progress=False, should_stop=should_stop)


def expert(action: Callable[[], np.ndarray]) -> ExpertDevice:
    return ExpertDevice(FunctionExpert(action, LAYOUT), np.random.default_rng(0))


def test_experts_episodes_are_whole_successful_demonstrations(tmp_path: Path) -> None:
    summary = record(tmp_path, 5)
    assert (summary.recorded, summary.earlier, summary.discarded) == (5, 0, 0)
    paths = list_episodes(tmp_path)
    assert len(paths) == 5
    for path in paths:
        steps, meta = read_episode(path)
        assert meta["success"] and meta["steps"] == len(steps) and meta["task"] == "point"
        assert [step.step for step in steps] == list(range(len(steps)))
        assert steps[-1].success and steps[-1].terminated and steps[-1].next_obs is not None
        assert {step.source for step in steps} == {Source.DEMONSTRATION}
        assert all(np.isnan(step.policy_action).all() and not np.isnan(step.action).any() for step in steps)
        assert steps[0].obs["wrist"].dtype == np.uint8  # images are kept, for any encoder


def test_session_continues_the_last_one_with_other_episodes(tmp_path: Path) -> None:
    record(tmp_path, 2)
    summary = record(tmp_path, 5)
    assert (summary.recorded, summary.earlier) == (3, 2)
    starts = [read_episode(path)[0][0].obs["state"].tobytes() for path in list_episodes(tmp_path)]
    assert len(set(starts)) == 5
    assert record(tmp_path, 5).recorded == 0


def test_loaded_demonstrations_are_one_actors_records_and_all_samplable(tmp_path: Path) -> None:
    written = record(tmp_path, 4).steps
    schema = step_schema(PointWorld(), TinyEncoder(), "point")
    replay = Replay(schema, capacity=1000, seed=0)
    steps = list(load_demonstrations(tmp_path, TinyEncoder(), run="today"))
    for step in steps:
        check_step(step, schema)
        replay.append(step)
    assert [step.sequence for step in steps] == list(range(written))
    assert sorted({step.episode for step in steps}) == [0, 1, 2, 3] and {step.run for step in steps} == {"today"}
    assert replay.counts()["demonstration_now"] == len(replay) == written


class OtherEncoder(TinyEncoder):
    identity = "other"


def encoded(folder: Path, keep_frames: bool) -> None:
    """Record one demonstration as features of the tiny encoder."""
    env = PointWorld()
    rollout = Rollout(env, encoder=TinyEncoder(), human=expert(env.expert_action), keep_frames=keep_frames)
    collect_demonstrations(rollout, RecordingConfig(folder, 1), progress=False)


def test_features_of_another_encoder_are_made_again_from_the_frames(tmp_path: Path) -> None:
    encoded(tmp_path, keep_frames=True)
    same, other = (list(load_demonstrations(tmp_path, encoder)) for encoder in (TinyEncoder(), OtherEncoder()))
    for one, two in zip(same, other, strict=True):
        np.testing.assert_allclose(one.obs["wrist"][0], two.obs["wrist"][0], atol=0.03)
        assert not np.array_equal(one.obs["wrist"][1], two.obs["wrist"][1])  # a random shift of its own


def test_features_of_another_encoder_without_frames_are_refused(tmp_path: Path) -> None:
    encoded(tmp_path, keep_frames=False)
    assert list(load_demonstrations(tmp_path, TinyEncoder()))
    for encoder in (OtherEncoder(), None):
        with pytest.raises(RunFolderError, match="features of encoder tiny and no frames"):
            list(load_demonstrations(tmp_path, encoder))


def test_failures_are_discarded_by_default(tmp_path: Path) -> None:
    def away() -> np.ndarray:
        return np.array([1.0, 0.0, 0.0], np.float32)

    with pytest.raises(RobotRLError, match="20 failures, expected mostly successes"):
        record(tmp_path / "none", 2, expert(lambda: -away()), seed=5)
    summary = record(tmp_path / "all", 2, expert(away), keep_failures=True)
    assert (summary.recorded, summary.discarded) == (2, 0)


def test_person_may_practise_as_often_as_they_like(tmp_path: Path, capsys) -> None:
    failed = [*GO, DeviceState(labels=("failure",))]
    summary = record(tmp_path, 1, Person([*failed * 3 * ATTEMPTS_PER_EPISODE, *moving("success")]))
    assert summary.recorded == 1 and summary.discarded > ATTEMPTS_PER_EPISODE
    assert "\nno motion: discarded" in capsys.readouterr().out


def test_time_before_the_human_begins_is_left_out(tmp_path: Path) -> None:
    idle, right = DeviceState(), DeviceState(np.array([1.0, 0.0, 0.0], np.float32), engaged=True)
    done = DeviceState(right.action, engaged=True, labels=("success",))
    summary = record(tmp_path, 1, Person([*GO, *[idle] * 4, right, done]))
    steps, _ = read_episode(list_episodes(tmp_path)[0])
    assert summary.recorded == 1 and [step.step for step in steps] == [0, 1]
    assert steps[-1].success and steps[-1].terminated  # the person's label ended it


def test_demonstration_ends_with_the_step_that_its_success_label_is_about(tmp_path: Path) -> None:
    moves = [DeviceState(np.array([0.01 * i, 0.0, 0.0], np.float32), engaged=i % 2 == 0) for i in range(8)]
    summary = record(tmp_path, 1, Person([*GO, *moves, DeviceState(labels=("success",))]), reaction_s=0.35)
    steps, meta = read_episode(list_episodes(tmp_path)[0])
    assert summary.steps == len(steps) == meta["steps"] == 6  # nine, without three of reaction
    assert [step.reward for step in steps] == [0.0] * 5 + [1.0] and steps[-1].terminated and steps[-1].success
    assert {step.source for step in steps} == {Source.DEMONSTRATION}  # while the hand rested, too


def test_a_retreat_within_a_success_of_an_earlier_run_is_no_demonstration(tmp_path: Path) -> None:
    record(tmp_path, 1)
    steps, meta = read_episode(list_episodes(tmp_path)[0])
    steps = [replace(step, source=Source.POLICY if step.step else Source.RETREAT, episode=1) for step in steps]
    write_episode(tmp_path, steps, meta)
    loaded = list(load_demonstrations(tmp_path, TinyEncoder()))[len(steps) :]
    assert [step.source for step in loaded] == [Source.EARLIER] + [Source.DEMONSTRATION] * (len(steps) - 1)


def test_steps_of_older_recordings_are_all_demonstrations_and_failures_are_none(tmp_path: Path) -> None:
    record(tmp_path, 1)
    steps, meta = read_episode(list_episodes(tmp_path)[0])
    write_episode(tmp_path, [replace(step, source=Source.POLICY, episode=1) for step in steps], meta)
    write_episode(tmp_path, [replace(step, episode=2) for step in steps], meta | {"success": False})
    loaded = list(load_demonstrations(tmp_path, TinyEncoder()))
    assert len(loaded) == 2 * len(steps) and {step.source for step in loaded} == {Source.DEMONSTRATION}
    every = list(load_demonstrations(tmp_path, TinyEncoder(), failures=True))
    assert [step.source for step in every] == [Source.DEMONSTRATION] * len(loaded) + [Source.EARLIER] * len(steps)


def test_person_at_a_keyboard_records_an_episode_and_ends_it_with_enter(tmp_path: Path) -> None:
    far, near = os.openpty()

    def press(keys: bytes) -> None:
        os.write(far, keys)
        assert select.select([near], [], [], 5.0)[0]  # until the kernel has passed it on

    class Desk(PointWorld):
        def step(self, action):
            if self.steps in (0, 2):
                press(b"o\n"[self.steps // 2 :][:1])  # the gripper does nothing in this world
            return super().step(action)

    class Waiting(FakeClock):
        def sleep_until(self, at_ns):
            if self.now_ns() == 0:
                press(b"n")
            super().sleep_until(at_ns)

    with Keyboard(LAYOUT, terminal=near, clock=FakeClock()) as keyboard:
        press(b"\n")  # too early to be about this episode
        summary = record(tmp_path, 1, keyboard, env=Desk(), clock=Waiting())
    steps, _ = read_episode(list_episodes(tmp_path)[0])
    assert summary.recorded == 1 and len(steps) == 3 and steps[-1].success and steps[0].action[2] == 1.0
    os.close(far)
    os.close(near)


def test_person_meets_an_arm_in_real_time(tmp_path: Path) -> None:
    clock, right = FakeClock(), DeviceState(np.zeros(3, np.float32), engaged=True)
    states = [*GO, *([right] * 7), DeviceState(right.action, engaged=True, labels=("success",))]
    record(tmp_path, 1, Person(states), clock=clock)
    assert clock.now_s() == pytest.approx(0.8)


class LostAtTheStart(PointWorld):
    """A world whose first resets meet a fault."""

    faults = 0

    def reset(self, **more):
        self.faults -= 1
        if self.faults >= 0:
            raise DeviceLostError("state: got one 324 ms old, expected at most 100 ms; the arm holds.")
        return super().reset(**more)


def test_arm_that_was_lost_during_a_reset_is_tried_again(tmp_path: Path) -> None:
    env = LostAtTheStart()
    env.faults = RESETS_MAX - 1
    assert record(tmp_path, 2, env=env).recorded == 2


def test_arm_that_stays_lost_ends_the_session_with_its_fault(tmp_path: Path) -> None:
    env = LostAtTheStart()
    env.faults = RESETS_MAX
    with pytest.raises(DeviceLostError, match="324 ms old"):
        record(tmp_path, 2, env=env)


def test_interrupted_episode_is_dropped(tmp_path: Path) -> None:
    asked = iter(range(100))
    summary = record(tmp_path, 3, expert(lambda: np.zeros(3, np.float32)), should_stop=lambda: next(asked) > 10)
    assert summary.recorded == 0 and not list(tmp_path.glob("*"))


def test_folder_without_demonstrations_is_refused_at_once(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunFolderError, match="record some with `robot-rl record`"):
            load_demonstrations(folder, None)


def moving(*labels: str) -> list[DeviceState]:
    """An episode of two steps that the last labels end, and the go before it."""
    right = np.array([0.01, 0.0, 0.0], np.float32)
    return [*GO, DeviceState(right, engaged=True), DeviceState(right, engaged=True, labels=labels)]


def test_undo_takes_the_newest_episode_back_with_what_was_held_after_it(tmp_path: Path, capsys) -> None:
    undo = [DeviceState(labels=("undo",)), DeviceState(ready=True), *moving("failure")[2:]]
    states = [*moving("success"), *moving("success"), *undo, *moving("success"), *moving("success")]
    summary = record(tmp_path, 3, Person(states))
    assert (summary.total, summary.removed, summary.discarded) == (3, 1, 1)
    assert len(list_episodes(tmp_path)) == 3 and len(list((tmp_path / "removed").iterdir())) == 1
    output = capsys.readouterr().out
    assert "undo: episode 1 is in" in output and "success after 0.2 s: kept, 3 of 3" in output


def test_person_reads_when_the_episode_runs_and_that_a_stop_ended_it(tmp_path: Path, capsys) -> None:
    class Announced(PointWorld):
        def reset(self, *, seed=None, options=None):
            print("reset")
            return super().reset(seed=seed)

    states = [*moving("success")[:-1], DeviceState(estop=True)]
    record(tmp_path, 1, Person(states), env=Announced(), keep_failures=True)
    output = capsys.readouterr().out
    assert output.index("set the scene") < output.index("reset") < output.index("The episode runs")
    assert "stopped after 0.2 s: kept, 1 of 1" in output


def test_undo_at_the_prompt_counts_at_once_also_where_ctrl_c_follows(tmp_path: Path, capsys) -> None:
    class Leaving(Person):
        def read(self, proposed: np.ndarray | None = None) -> DeviceState:
            if (state := next(self._states, None)) is None:
                raise StopRequestedError("got SIGINT while waiting for the scene")
            return state

    undo = [DeviceState(), DeviceState(labels=("undo",)), DeviceState()]
    summary = record(tmp_path, 2, Leaving([*moving("success"), *undo]))
    assert (summary.total, summary.removed) == (0, 1) and not list_episodes(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    undone = next(i for i, line in enumerate(lines) if line.startswith("undo: episode 0"))
    assert "Episode 2 of 2" in lines[undone - 1] and "Episode 1 of 2" in lines[undone + 1]


def test_undo_without_an_episode_changes_nothing(tmp_path: Path, capsys) -> None:
    summary = record(tmp_path, 1, Person([DeviceState(labels=("undo",)), *moving("success")[1:]]))
    assert (summary.total, summary.removed) == (1, 0) and "nothing to take back" in capsys.readouterr().out


def test_newest_episode_is_removed_with_what_was_held_after_it(tmp_path: Path) -> None:
    record(tmp_path, 2, hold_success=3)
    assert remove_newest(tmp_path, "episodes") == 1
    assert len(list_episodes(tmp_path)) == len(list_episodes(tmp_path / "success")) == 1
    assert record(tmp_path, 2, hold_success=3).recorded == 1 and len(list_episodes(tmp_path / "success")) == 2


def test_nothing_moves_before_the_person_says_so(tmp_path: Path) -> None:
    env, waits = PointWorld(), [DeviceState(np.ones(3, np.float32), engaged=True)] * 100
    record(tmp_path, 1, Person([*waits, *moving("success")]), env=env)
    assert len(env.executed) == 2


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (Origin("line", {"wrist": "8 x 8"}), "of task 'point', expected 'line'"),
        (Origin("point", {"wrist": "8 x 8, crop none"}), "camera wrist: 8 x 8, expected 8 x 8, crop none"),
        (Origin("point", {"top": "8 x 8"}), "camera top: not recorded, expected 8 x 8"),
    ],
)
def test_folder_of_another_task_camera_or_crop_is_refused_with_both_sides(tmp_path, other: Origin, text: str) -> None:
    origin = Origin("point", {"wrist": "8 x 8"})
    record(tmp_path, 1, origin=origin)
    with pytest.raises(ConfigError, match=text):
        record(tmp_path, 2, origin=other)
    with pytest.raises(ConfigError, match=text):
        check_demonstrations(tmp_path, "episodes", other, other.cameras)
    assert len(list_episodes(tmp_path)) == 1
    assert check_recordings([tmp_path], "episodes", Origin("point"), ()) == 1


def test_folder_without_a_success_is_refused_as_demonstrations(tmp_path: Path) -> None:
    record(tmp_path, 2, expert(lambda: np.array([-1.0, 0.0, 0.0], np.float32)), keep_failures=True, seed=5)
    with pytest.raises(ConfigError, match=r"got 2 episodes in .* without a success"):
        check_demonstrations(tmp_path, "episodes", Origin("point"), ())


class Near(RewardSource):
    """Success once the point is nearer to its goal than the world itself demands."""

    name, priority = "near", 20

    def __init__(self, reach: float) -> None:
        self._reach = reach

    def judge(self, outcome: StepOutcome) -> Verdict:
        state = outcome.obs["state"]
        near = bool(np.linalg.norm(state[2:] - state[:2]) < self._reach)
        return Verdict(float(near), near, near)


def test_demonstrations_are_judged_again_by_the_reward_sources_of_a_run(tmp_path: Path) -> None:
    """An episode ends at the first success of the new judge, also where the recording knew of none."""
    steps = record(tmp_path, 3).steps
    wide = list(load_demonstrations(tmp_path, TinyEncoder(), judge=CombinedReward([Near(0.5)])))
    assert 3 <= len(wide) < steps
    for end in (step for step in wide if step.last):
        distance = np.linalg.norm(end.next_obs["state"][2:] - end.next_obs["state"][:2])
        assert end.terminated and end.success and end.reward == 1.0 and distance < 0.5
    assert [step.reward for step in wide if not step.last] == [0.0] * (len(wide) - 3)
    with pytest.raises(RunFolderError, match=r"got 3 episodes in .* of which near finds a success in none"):
        load_demonstrations(tmp_path, TinyEncoder(), judge=CombinedReward([Near(0.0)]))
