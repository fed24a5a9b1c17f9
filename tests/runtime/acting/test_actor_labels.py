"""Labels, stops and resets of the actor."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import DeviceLostError, StopRequestedError
from robot_rl.core.records import Source, StepRecord
from robot_rl.data.replay import Replay
from robot_rl.envs.operator_episodes import Hear, OperatorEpisodes
from robot_rl.methods import with_method
from robot_rl.presets import preset
from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting.actor import CONSECUTIVE_FAULTS_MAX, run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.observation import step_schema
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.teleop.device import DeviceState
from robot_rl.testing import FakeClock, Playback
from tests.runtime.acting.actor_runs import HELD, HUMAN_ACTION, QUIET, act, after, still
from tests.runtime.acting.point_world import (
    TIME_LIMIT,
    LinearPolicy,
    Person,
    PointWorld,
    RecordingLink,
    TinyEncoder,
)


def test_rlif_blames_the_last_policy_step_before_each_intervention() -> None:
    human = Playback([HELD, QUIET, QUIET, HELD, HELD, QUIET, HELD, QUIET])
    _, link, _, _ = act(ActorConfig(max_env_steps=8), still(), human, rewards=("ground-truth", "rlif"))
    assert [step.reward for step in link.steps] == [0, 0, -1, 0, 0, -1, 0, 0]


@pytest.mark.parametrize(("method", "task_reward"), [("rlif", 0), ("rlif-mixed", 1)])
def test_methods_pay_the_take_over_instead_of_the_task_or_beside_it(method: str, task_reward: int) -> None:
    config = with_method(preset("pick-lift"), method)
    states = [QUIET, QUIET, HELD, QUIET, DeviceState(labels=("success",))]
    rewards = {"rewards": config.rewards, "reward_settings": config.reward_settings}
    _, link, _, _ = act(ActorConfig(max_episodes=1), still(), Playback(states), **rewards)
    assert [step.reward for step in link.steps] == [0, -1, 0, 0, task_reward]
    assert link.steps[-1].terminated and link.steps[-1].success


def test_labels_reach_the_learner_with_their_window_and_end_the_episode() -> None:
    states = [QUIET] * 3 + [DeviceState(labels=("stage",))] + [QUIET] * 2 + [DeviceState(labels=("undo", "success"))]
    config = ActorConfig(max_episodes=1)
    summary, link, _, ledger = act(config, still(), Playback(states))
    assert [(x.label, x.episode, x.step, x.window_steps, x.value) for x in link.labels] == [
        ("stage", 0, 0, 10, 0.25),
        ("undo", 0, 6, 10, 0.0),
        ("success", 0, 3, 10, 1.0),  # about the step 0.3 s ago, the usual reaction time
    ]
    last = link.steps[-1]
    assert (last.step, last.terminated, last.success, last.reward) == (6, True, True, 1.0)
    assert [record.sequence for record in link.records] == list(range(10))  # a label follows its step
    assert summary.effort.labels == ledger.lines[0]["labels"] == 3


@pytest.mark.parametrize("label", ["success", "failure"])
def test_label_after_the_last_decision_of_an_episode_counts(label: str) -> None:
    states = [QUIET] * (1 + TIME_LIMIT) + [DeviceState(labels=(label,))]  # one read before the first episode
    _, link, _, _ = act(ActorConfig(max_episodes=1), still(), Person(states))
    about = TIME_LIMIT - 1 - 3 * (label == "success")
    assert [(x.label, x.episode, x.step) for x in link.labels] == [(label, 0, about)]


@given(st.integers(1, TIME_LIMIT - 2), st.integers(0, 6))
@settings(max_examples=20, deadline=None)
def test_success_pays_on_the_one_step_a_reaction_time_before_its_label(given_at: int, delay: int) -> None:
    world, human = PointWorld(), Playback([QUIET] * given_at + [DeviceState(labels=("success",))])
    link, reward = RecordingLink(), make_reward(["human-label"], {"human-label.reaction_s": str(0.1 * delay)})
    rollout = Rollout(world, still(), TinyEncoder(), human, reward=reward, clock=FakeClock())
    run_actor(rollout, ActorConfig(max_episodes=1), link)
    replay = Replay(step_schema(world, TinyEncoder(), "point"), 100, seed=0)
    for record in link.records:
        replay.append(record) if isinstance(record, StepRecord) else replay.relabel(record)
    about, batch = max(0, given_at - delay), replay.sample(500, 1, demo_fraction=0.0)
    assert replay.counts()["samplable"] == about + 1  # later steps of the episode are left out
    assert ((batch.reward == 1.0) == (batch.terminated == 1.0)).all() and (about > 0 or batch.reward.all())
    assert np.unique(batch.obs["state"][batch.reward == 1.0], axis=0).shape[0] == 1


@pytest.mark.parametrize("interrupted", [False, True])
def test_labels_given_at_a_prompt_are_sent_at_once_and_belong_to_the_episode_before(interrupted: bool) -> None:
    class Operated(PointWorld):
        def __init__(self) -> None:
            super().__init__()
            self.asked = 0
            self.cell = SimpleNamespace(episodes=OperatorEpisodes(SimpleNamespace(name="world"), {}, self.prompt))

        def prompt(self, text: str, hear: Hear) -> None:
            hear(("success",))
            self.asked += 1
            if interrupted and self.asked == 2:
                raise StopRequestedError("got SIGTERM while waiting for a new episode")

        def reset(self, *, seed=None, options=None):
            self.cell.episodes.reset(np.random.default_rng(0))
            return super().reset(seed=seed, options=options)

    _, link, _, _ = act(ActorConfig(max_episodes=2), still(), env=Operated())
    assert [(x.label, x.episode, x.step) for x in link.labels] == [("success", 0, TIME_LIMIT - 1)]


def test_nothing_moves_before_the_person_is_there() -> None:
    class Watched(PointWorld):
        resets: list[float] = []  # noqa: RUF012

        def reset(self, *, seed=None, options=None):
            self.resets.append(clock.now_s())
            return super().reset(seed=seed, options=options)

    clock, absent = FakeClock(), DeviceState(alive=False)
    act(ActorConfig(max_env_steps=1), human=Person([absent] * 3), clock=clock, env=Watched())
    assert Watched.resets == [pytest.approx(0.3)]


def test_resets_that_a_stop_prevents_end_no_session() -> None:
    class Stopped(PointWorld):
        tries = 0

        def reset(self, *, seed=None, options=None):
            self.tries += 1
            if self.tries < CONSECUTIVE_FAULTS_MAX + 3:
                raise DeviceLostError("reset: got 'emergency stop' on the way")
            return super().reset(seed=seed, options=options)

    class Presser(Person):
        """Presses a stop at every other read."""

        pressed = True

        def read(self, proposed=None) -> DeviceState:
            self.pressed = not self.pressed
            return DeviceState(estop=self.pressed)

    env = Stopped()
    summary, _, _, _ = act(ActorConfig(max_episodes=1), human=Presser(), env=env)
    assert env.tries == CONSECUTIVE_FAULTS_MAX + 3 and summary.episodes == 1


def test_label_given_between_episodes_takes_away_but_never_gives() -> None:
    both = DeviceState(labels=("success", "failure", "stage"))  # an Enter for the prompt is no success of the last one
    states = [both] + [QUIET] * (TIME_LIMIT - 1) + [both]
    _, link, _, _ = act(ActorConfig(max_episodes=2), still(), Playback(states))
    assert [(label.episode, label.step, label.value) for label in link.labels] == [(0, TIME_LIMIT - 1, 0.0)]
    assert [len(episode) for episode in link.episodes()] == [TIME_LIMIT, TIME_LIMIT]  # it did not end the new one


def test_emergency_stop_truncates_and_nothing_moves_until_it_is_cleared() -> None:
    stop = DeviceState(HUMAN_ACTION, engaged=True, estop=True)
    late_label = DeviceState(estop=True, labels=("failure",))
    human = Playback([QUIET, stop, stop, late_label, stop, QUIET, QUIET])
    clock = FakeClock()
    _, link, env, ledger = act(ActorConfig(max_env_steps=3), LinearPolicy(0.3, 0.0), human, clock=clock)
    first, second = link.episodes()
    assert len(first) == 2 and first[-1].truncated and not first[-1].terminated and not env.executed[1].any()
    assert ledger.lines[0]["estop"] and len(second) == 1
    assert clock.now_s() == pytest.approx(0.3)  # looked at four times, one period apart
    assert [(label.episode, label.step) for label in link.labels] == [(0, 1)]


def test_stop_from_elsewhere_counts_like_the_devices_own() -> None:
    env = PointWorld()
    _, link, _, _ = act(ActorConfig(max_env_steps=2), env=env, estop=lambda: not env.executed)
    assert not env.executed[0].any() and link.steps[0].truncated and env.executed[1].any()


@given(st.integers(1, 60))
@settings(max_examples=15, deadline=None)
def test_clean_stop_in_the_middle_closes_the_episode_as_truncated(calls: int) -> None:
    summary, link, _, ledger = act(ActorConfig(), still(), should_stop=after(calls + 1))
    assert len(link.steps) == summary.env_steps
    assert all(episode[-1].last and episode[-1].truncated for episode in link.episodes())
    assert sum(line["steps"] for line in ledger.lines) == summary.env_steps


def test_pause_ends_the_episode_without_a_verdict_and_no_other_begins_meanwhile() -> None:
    paused = DeviceState(HUMAN_ACTION, engaged=True, paused=True)
    person = Person([QUIET, QUIET, QUIET, paused, paused, paused, DeviceState(paused=True, labels=("failure",)), QUIET])
    _, link, _, ledger = act(ActorConfig(max_episodes=2), still(), person)
    first = [step for step in link.steps if step.episode == 0]
    assert (first[-1].truncated, first[-1].terminated, len(first)) == (True, False, 3)
    assert first[-1].source is Source.POLICY
    episodes = [line for line in ledger.lines if line["kind"] == "episode"]
    assert not episodes[0]["estop"]
    assert [label.label for label in link.labels] == ["failure"]  # given while it lasted, about the last step
    assert episodes[1]["episode"] == 1
