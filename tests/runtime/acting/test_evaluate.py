"""Evaluation counts what the trained policy does alone, through the actor's own steps."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError, StopRequestedError
from robot_rl.envs.operator_episodes import OperatorEpisodes
from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting.actor import run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.episode_video import END_FRAMES, EpisodeVideo
from robot_rl.runtime.acting.evaluate import EpisodeResult, EvaluationResult, evaluate
from robot_rl.runtime.acting.record import RecordingConfig, collect_demonstrations
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.runtime.runs.captions import BAR, GREEN, PAPER, RED, WIDTH_MIN
from robot_rl.runtime.runs.statistics import row_bound, wilson_interval
from robot_rl.teleop.device import DeviceState, JudgingDevice
from robot_rl.teleop.devices.scripted import ExpertDevice, FunctionExpert
from robot_rl.testing import FakeClock
from tests.runtime.acting.point_world import TIME_LIMIT, LinearPolicy, Person, PointWorld, TinyEncoder


def test_good_policy_succeeds_bad_one_fails_still_one_runs_out_of_time() -> None:
    good = evaluate(Rollout(PointWorld(), LinearPolicy(5.0, version=7)), 20, seed=0)
    assert good.successes == 20 and good.success_rate == 1.0 and good.policy_version == 7
    assert good.interval == wilson_interval(20, 20)
    assert good.cycle_steps is not None and 1 <= good.cycle_steps.q25 <= good.cycle_steps.median < 15
    bad = evaluate(Rollout(PointWorld(), LinearPolicy(-5.0)), 5, seed=0)
    assert bad.successes == 0 and all(e.failure and not e.truncated for e in bad.episodes) and bad.cycle_steps is None
    still = evaluate(Rollout(PointWorld(), LinearPolicy(0.0)), 5, seed=0)
    assert all(e.truncated and not e.failure and e.steps == TIME_LIMIT for e in still.episodes)


def test_deterministic_evaluation_repeats_itself_and_each_episode_by_its_seed() -> None:
    one = evaluate(Rollout(PointWorld(), LinearPolicy(noise=0.5), TinyEncoder()), 8, seed=3)
    assert one == evaluate(Rollout(PointWorld(), LinearPolicy(noise=0.5), TinyEncoder()), 8, seed=3)
    assert one != evaluate(Rollout(PointWorld(), LinearPolicy(noise=0.5), TinyEncoder()), 8, seed=4)
    assert one != evaluate(
        Rollout(PointWorld(), LinearPolicy(noise=0.5), TinyEncoder()), 8, seed=3, deterministic=False
    )
    env = PointWorld()
    stepper = Stepper(Rollout(env, LinearPolicy(noise=0.5)), np.random.default_rng(99), deterministic=True)
    stepper.begin(one.episodes[5].seed)
    steps = 1
    while not stepper.step().last:
        steps += 1
    assert steps == one.episodes[5].steps


def test_evaluation_runs_the_very_steps_of_training() -> None:
    """The same policy and episodes give the same actions in both: no gap between training and evaluation."""

    class Numbered(PointWorld):
        """Draws its episodes from their numbers instead of their seeds, which differ by purpose."""

        episode = 0

        def reset(self, *, seed=None, options=None):
            self.episode += 1
            return super().reset(seed=self.episode)

    trained, evaluated = Numbered(), Numbered()
    policy = LinearPolicy(gain=2.0, noise=0.0)
    run_actor(Rollout(trained, policy, TinyEncoder()), ActorConfig(seed=5, max_episodes=4))
    evaluate(Rollout(evaluated, policy, TinyEncoder()), 4, seed=5, deterministic=False)
    np.testing.assert_array_equal(trained.executed, evaluated.executed)


def test_evaluation_meets_no_episode_of_training_or_demonstrations_of_the_same_seed(tmp_path: Path) -> None:
    class Noting(PointWorld):
        def __init__(self) -> None:
            super().__init__()
            self.seeds: list[int] = []

        def reset(self, *, seed=None, options=None):
            self.seeds.append(seed)
            return super().reset(seed=seed)

    trained, evaluated, recorded = Noting(), Noting(), Noting()
    run_actor(Rollout(trained, LinearPolicy()), ActorConfig(seed=5, max_episodes=4))
    evaluate(Rollout(evaluated, LinearPolicy()), 4, seed=5)
    expert = ExpertDevice(FunctionExpert(recorded.expert_action, recorded.action_layout), np.random.default_rng(0))
    collect_demonstrations(Rollout(recorded, human=expert), RecordingConfig(tmp_path, 4, 5), progress=False)
    assert len({*trained.seeds, *evaluated.seeds, *recorded.seeds}) == 12


def test_expert_is_measured_by_the_same_code() -> None:
    env = PointWorld()
    expert = ExpertDevice(FunctionExpert(env.expert_action, env.action_layout), np.random.default_rng(0))
    result = evaluate(Rollout(env, human=expert), 20, seed=0)
    assert result.successes == 20


def test_frames_of_the_first_episodes_are_in_the_video_with_their_first_and_last_moment() -> None:
    frames: list[np.ndarray] = []
    result = evaluate(Rollout(PointWorld(), LinearPolicy()), 3, seed=0, video=EpisodeVideo(frames.append, 2))
    assert len(frames) == sum(episode.steps + END_FRAMES for episode in result.episodes[:2])
    scene = frames[0][BAR:, :WIDTH_MIN]
    assert scene.shape == (320, 320, 3) and scene.max() == 0
    marks = [tuple(frame[1, 1]) for frame in frames]
    assert marks[0] == PAPER and marks[result.episodes[0].steps] == (GREEN if result.episodes[0].success else RED)


def test_cameras_are_in_the_video_when_nothing_renders() -> None:
    env = PointWorld()
    env.render_mode = None
    frames: list[np.ndarray] = []
    evaluate(Rollout(env, LinearPolicy(), TinyEncoder()), 1, seed=0, video=EpisodeVideo(frames.append))
    assert frames[0].shape == (BAR + 320, 320, 3) and frames[0][BAR:].max() == 255


def test_stop_between_episodes_keeps_what_was_done() -> None:
    done: list[tuple[EpisodeResult, ...]] = []
    result = evaluate(
        Rollout(PointWorld(), LinearPolicy()), 10, seed=0, on_episode=done.append, should_stop=lambda: len(done) >= 4
    )
    assert len(result.episodes) == len(done) == 4


def test_fault_counts_against_the_policy() -> None:
    result = evaluate(Rollout(PointWorld(), LinearPolicy(float("nan")), clock=FakeClock()), 2, seed=0)
    assert [(e.fault, e.truncated, e.success, e.steps) for e in result.episodes] == [(True, True, False, 1)] * 2


def test_success_at_the_time_limit_is_not_counted_as_out_of_time() -> None:
    class Endless(PointWorld):
        """Goes on after a success, and reports it to the end."""

        def step(self, action):
            obs, _, _, _, info = super().step(action)
            return obs, -float(not info["success"]), False, self.steps >= TIME_LIMIT, info

    result = evaluate(Rollout(Endless(), LinearPolicy(5.0, noise=0.0)), 5, seed=0)
    assert result.successes == 5 and result.to_json()["truncated"] == 0 and result.mean_return < 0.0
    assert ", mean return -" in str(result)


def test_summary_is_json_and_holds_the_interval() -> None:
    episode = EpisodeResult(0, 12, 1.0, True, False, False, False)
    lost = EpisodeResult(1, 30, 0.0, False, False, True, False)
    result = EvaluationResult((episode,) * 97 + (lost,) * 3, 0, True, 5, 0.1)
    summary = json.loads(json.dumps(result.to_json()))
    assert summary["successes"] == 97 and summary["truncated"] == 3 and summary["cycle_median_s"] == pytest.approx(1.2)
    assert summary["interval_95"] == pytest.approx([0.9155, 0.9897], abs=1e-3)
    assert str(result) == "success 97/100 [91.5%, 99.0%], cycle 12 steps (12-12)"


class FailsAt(PointWorld):
    """The point starts at its goal, but in one episode, of which it leaves the square."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.episodes = number, -1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.episodes += 1
        self.point = self.goal + (5.0 if self.episodes == self.number else 0.0)
        return self._observe(), {}


@pytest.mark.parametrize(("failing", "in_a_row", "end"), [(0, 0, "then failure"), (4, 4, "then failure"), (9, 6, "no")])
def test_first_failure_ends_the_row_and_the_bound_on_episodes_does(failing: int, in_a_row: int, end: str) -> None:
    counted: list[int] = []
    result = evaluate(
        Rollout(FailsAt(failing), LinearPolicy(0.0)),
        6,
        seed=0,
        until_failure=True,
        on_episode=lambda results: counted.append(len(results)),
    )
    assert (result.in_a_row, len(result.episodes)) == (in_a_row, min(failing + 1, 6)) and result.complete(6)
    assert counted == list(range(1, len(result.episodes) + 1))
    summary = result.to_json()
    assert summary["in_a_row"] == in_a_row and summary["success_rate_at_least_95"] == row_bound(in_a_row)
    assert str(result).startswith(f"{in_a_row} successes in a row, {end}")


def test_row_that_was_stopped_is_not_complete() -> None:
    done: list[object] = []
    rollout = Rollout(FailsAt(9), LinearPolicy(0.0))
    result = evaluate(rollout, 6, 0, until_failure=True, on_episode=done.append, should_stop=lambda: len(done) >= 2)
    assert (result.in_a_row, result.complete(6)) == (2, False)


def test_nothing_to_evaluate_is_refused() -> None:
    with pytest.raises(ConfigError, match="episodes: got 0"):
        evaluate(Rollout(PointWorld(), LinearPolicy()), 0, seed=0)
    with pytest.raises(ConfigError, match="got neither policy nor human"):
        evaluate(Rollout(PointWorld()), 1, seed=0)


def judged(
    *states: DeviceState,
    episodes: int = 1,
    rewards: tuple[str, ...] = ("human-label",),
    env: PointWorld | None = None,
    on_episode: Callable[[tuple[EpisodeResult, ...]], None] = lambda results: None,
    until_failure: bool = False,
) -> EvaluationResult:
    """An evaluation of a policy that keeps still, while a person labels; one state a read, one read a step."""
    person, reward = JudgingDevice(Person(states)), make_reward(rewards)
    rollout = Rollout(env or PointWorld(), LinearPolicy(0.0), human=person, reward=reward, clock=FakeClock())
    return evaluate(rollout, episodes, 0, on_episode=on_episode, until_failure=until_failure)


QUIET, MOVES = DeviceState(), DeviceState(np.ones(3, np.float32), engaged=True)


def test_operator_judges_without_moving_the_arm() -> None:
    result = judged(MOVES, MOVES, DeviceState(labels=("success",)))
    assert (result.successes, result.episodes[0].steps, result.judges) == (1, 3, ("human-label",))
    assert "judged by human-label" in str(result)


def test_label_after_the_end_counts_and_undo_runs_the_episode_again() -> None:
    over, success = [QUIET] * TIME_LIMIT, DeviceState(labels=("success",))
    assert judged(*over, success).successes == 1
    undone = judged(*over, success, DeviceState(labels=("undo",)), *over, episodes=2)
    assert (undone.successes, undone.unjudged, undone.taken_back) == (0, 2, 1)
    assert {e.seed for e in undone.episodes} == {e.seed for e in judged(episodes=2).episodes}


class OperatedWorld(PointWorld):
    """Prompts a person before each episode; the person answers by labels, from a script."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.interrupted = False
        answered = iter(answers)

        def prompt(text: str, then: str = "", *, hear: Callable[[tuple[str, ...]], None]) -> None:
            self.asked.append(text)
            hear(next(answered, ()))
            if self.interrupted:
                raise StopRequestedError("SIGINT")

        self.cell = SimpleNamespace(episodes=OperatorEpisodes(SimpleNamespace(name="world"), {}, prompt))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        info = self.cell.episodes.reset(np.random.default_rng(0))
        return super().reset(seed=seed)[0], info


def test_operator_has_the_last_word_on_the_last_episode() -> None:
    """The evaluation waits after its last episode; undo and a label together correct it, undo alone repeats it."""
    success = DeviceState(labels=("success",))
    labelled = [*[QUIET] * 3, success]
    failed = judged(*labelled, env=(world := OperatedWorld((), ("failure",))))
    assert failed.successes == 0 and failed.episodes[0].failure and "The last episode: success" in world.asked[-1]
    assert judged(*labelled, env=OperatedWorld((), ("undo", "failure"))).to_json()["failures"] == 1
    again = judged(*labelled, *labelled, env=OperatedWorld((), ("undo",), (), ()))
    assert (again.successes, len(again.episodes), again.taken_back) == (1, 1, 1)
    assert "1 taken back" in str(again)


def test_stop_while_the_operator_is_asked_keeps_what_was_done() -> None:
    class Interrupted(OperatedWorld):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
            if len(self.asked) == 2:
                raise StopRequestedError("SIGINT")
            return super().reset(seed=seed)

    success = DeviceState(labels=("success",))
    result = judged(*[QUIET] * 3, success, *[QUIET] * 3, success, episodes=5, env=Interrupted())
    assert (result.successes, len(result.episodes)) == (2, 2)


@pytest.mark.parametrize(("label", "counts"), [("undo", (0, 0, 1)), ("failure", (0, 1, 0))])
def test_label_given_before_ctrl_c_at_a_prompt_counts(label: str, counts: tuple[int, int, int]) -> None:
    class Interrupted(OperatedWorld):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
            self.interrupted = len(self.asked) == 1
            return super().reset(seed=seed)

    success = DeviceState(labels=("success",))
    result = judged(*[QUIET] * 3, success, episodes=5, env=Interrupted((), (label,)))
    assert (result.successes, len(result.episodes), result.taken_back) == counts


def test_silence_is_no_failure() -> None:
    result = judged(episodes=2)
    assert np.isnan(result.success_rate) and result.to_json()["success_rate"] is None and result.unjudged == 2
    assert "success unknown: 2 episodes without a label" in str(result)
    assert judged(rewards=("ground-truth", "human-label")).unjudged == 0


def test_pause_lets_the_arm_rest_and_the_episode_run_again() -> None:
    paused, success = DeviceState(paused=True), DeviceState(labels=("success",))
    env, counts = PointWorld(), list[int]()
    script = (QUIET, QUIET, paused, paused, paused, QUIET, QUIET, success)
    result = judged(*script, env=env, on_episode=lambda results: counts.append(len(results)))
    assert counts == [1]  # the paused one is none
    assert [(episode.success, episode.steps) for episode in result.episodes] == [(True, 2)]
    assert result.episodes[0].seed == judged(success).episodes[0].seed
    assert len(env.executed) == 5  # three before the pause took effect, none while it lasted


def test_operator_who_corrects_a_failure_lets_the_row_go_on() -> None:
    success, labelled = DeviceState(labels=("success",)), [QUIET] * TIME_LIMIT
    world = OperatedWorld((), ("success",), (), ())
    result = judged(*labelled, *[QUIET] * 3, success, episodes=2, env=world, until_failure=True)
    assert [episode.success for episode in result.episodes] == [True, True] and result.in_a_row == 2
