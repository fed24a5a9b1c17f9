"""Pace, waits for the learner and sessions of the actor."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from robot_rl.build_graph import refuse_without_a_person
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError, HandshakeRefusedError, StopRequestedError
from robot_rl.core.records import StepRecord
from robot_rl.envs.operator_episodes import Hear, OperatorEpisodes
from robot_rl.runtime.acting.actor import UPDATES_TIMEOUT_S, run_actor
from robot_rl.runtime.acting.actor_config import START, ActorConfig, resumed
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.testing import FakeClock, Playback
from tests.runtime.acting.actor_runs import act, scripted, still
from tests.runtime.acting.point_world import (
    TIME_LIMIT,
    LinearPolicy,
    Person,
    PointWorld,
    RecordingLink,
)


def test_actor_never_waits_without_a_pace() -> None:
    clock = FakeClock()
    act(ActorConfig(max_env_steps=50), clock=clock)
    assert clock.now_ns() == 0
    act(ActorConfig(max_env_steps=20), still(), clock=clock, speed=2.0)
    assert clock.now_s() == pytest.approx(20 * 0.1 / 2)


def test_person_meets_an_arm_in_real_time_whatever_the_speed() -> None:
    class Running(PointWorld):
        real_time = True

    for parts in ({"human": Person()}, {"human": EnabledDevice(Person(), Playback([]))}, {"env": Running()}):
        clock = FakeClock()
        act(ActorConfig(max_env_steps=20), still(), clock=clock, speed=8.0, **parts)
        assert clock.now_s() == pytest.approx(20 * 0.1)
    act(ActorConfig(max_env_steps=20), still(), Person(), clock=(slow := FakeClock()), speed=0.5)
    assert slow.now_s() == pytest.approx(20 * 0.1 / 0.5)
    clock, env = FakeClock(), PointWorld()
    act(ActorConfig(max_env_steps=20), still(), scripted(env), clock=clock, speed=8.0, env=env)
    assert clock.now_s() == pytest.approx(20 * 0.1 / 8)


def test_first_episode_is_put_off_for_weights_but_not_for_ever() -> None:
    clock, link = FakeClock(), RecordingLink()
    act(ActorConfig(max_env_steps=1, await_weights_s=2.0), clock=clock, link=link)
    assert clock.now_s() == pytest.approx(2.0) and len(link.steps) == 1
    act(
        ActorConfig(max_env_steps=1, await_weights_s=2.0),
        clock=(ready := FakeClock()),
        link=RecordingLink({0: (1, 5.0)}),
    )
    assert ready.now_ns() == 0


def test_actor_waits_between_episodes_for_the_required_updates() -> None:
    class Slow(FakeClock):
        """A learner that publishes one version a second."""

        def sleep_until(self, deadline_ns: int) -> None:
            super().sleep_until(deadline_ns)
            link.version = int(self.now_s())

    class Publishing(RecordingLink):
        version = 0

        def latest_weights(self):
            return self.version, {"gain": np.float32(5.0)}, 0.0

    clock, link = Slow(), Publishing()
    act(ActorConfig(max_env_steps=300, updates_per_step=1.0), link=link, clock=clock)
    first_of_each = [episode[0] for episode in link.episodes()]
    done = 0
    for step, episode in zip(first_of_each, link.episodes(), strict=True):
        assert step.policy_version >= done - 200
        done += len(episode)
    assert clock.now_s() >= 300 - 200 - TIME_LIMIT


class Idle(RecordingLink):
    """A learner that has every record and publishes nothing any more."""

    def __init__(self, version: int) -> None:
        super().__init__({0: (version, 0.0)})
        self.backlog = 0


def test_wait_for_updates_counts_the_steps_of_earlier_sessions() -> None:
    config = ActorConfig(max_episodes=2, updates_per_step=1.0, first_env_step=1000)
    act(config, link=Idle(1000 + TIME_LIMIT - 200), clock=(caught_up := FakeClock()))
    act(config, link=Idle(500), clock=(behind := FakeClock()))
    assert caught_up.now_s() == 0.0 and behind.now_s() >= UPDATES_TIMEOUT_S


def test_wait_for_updates_ends_when_the_learner_has_everything_and_publishes_nothing() -> None:
    summary, *_ = act(ActorConfig(max_episodes=3, updates_per_step=100.0), link=Idle(1), clock=(clock := FakeClock()))
    assert summary.episodes == 3 and UPDATES_TIMEOUT_S <= clock.now_s() / 2 <= UPDATES_TIMEOUT_S + 1.0


def test_refusal_ends_the_wait_for_weights_at_once() -> None:
    class Refusing(RecordingLink):
        def latest_weights(self):
            raise HandshakeRefusedError("the learner speaks of another task")

    with pytest.raises(HandshakeRefusedError, match="another task"):
        act(ActorConfig(await_weights_s=900.0), link=Refusing(), clock=(clock := FakeClock()))
    assert clock.now_s() == 0.0


def test_refusal_of_the_learner_ends_the_actor() -> None:
    class Refusing(RecordingLink):
        def put(self, record):
            raise HandshakeRefusedError("the learner speaks of another task")

    with pytest.raises(HandshakeRefusedError, match="another task"):
        act(ActorConfig(), link=Refusing())


def test_without_a_link_and_without_a_policy_it_still_runs() -> None:
    env = PointWorld()
    summary = run_actor(Rollout(env, clock=FakeClock()), ActorConfig(max_episodes=1))
    assert summary.env_steps == TIME_LIMIT and not np.array(env.executed).any()


def test_next_session_continues_after_the_recorded_episodes(tmp_path) -> None:
    config = ActorConfig(max_episodes=3)
    with MetricsWriter(tmp_path, tensorboard=False) as metrics:
        link = RecordingLink({0: (4, 5.0)})
        run_actor(Rollout(PointWorld(), LinearPolicy()), config, link, metrics)
    lines = read_metrics(tmp_path, kind="episode")
    assert [line["episode"] for line in lines] == [0, 1, 2]
    assert [line["env_steps"] for line in lines] == list(np.cumsum([line["steps"] for line in lines]))
    for line in lines:
        assert line["policy_version"] == 4 and line["weights_age_s"] == 0.5 and line["backlog"] == 3
        assert line["duration_s"] > 0 and line["steps_per_s"] > 0 and line["wall_s"] > 0
    following = resumed(config, lines)
    assert (following.first_episode, following.first_env_step) == (4, lines[-1]["env_steps"])
    assert resumed(config, []) == config
    assert act(replace(following, max_episodes=1))[1].steps[0].episode == 4


def test_number_of_an_episode_that_was_cut_off_without_a_line_is_not_given_again() -> None:
    start = {"kind": START, "step": 0, "episode": 0}
    assert resumed(ActorConfig(), [start]).first_episode == 1  # the first process died in its first episode
    line = {"kind": "episode", "episode": 0, "env_steps": 30}
    assert resumed(ActorConfig(), [start, line]).first_episode == 2
    again = {"kind": START, "step": 30, "episode": 2}
    following = resumed(ActorConfig(), [start, line, again, {"kind": "timing", "step": 30, "episode": 0}])
    assert (following.first_episode, following.first_env_step) == (3, 30)


class OperatedWorld(PointWorld):
    """A real arm's episodes: resets move it."""

    def __init__(self, prompt: Callable[..., None]) -> None:
        super().__init__()
        self.resets = 0
        self.cell = SimpleNamespace(episodes=OperatorEpisodes(SimpleNamespace(name="world"), {}, prompt))

    def reset(self, **settings):
        self.resets += 1
        return super().reset(**settings)


def test_real_arm_whose_actor_died_holds_until_the_persons_go() -> None:
    shown: list[tuple[str, int]] = []

    def prompt(text: str, hear: Hear) -> None:
        shown.append((text, env.resets))

    env = OperatedWorld(prompt)
    act(ActorConfig(max_episodes=1, died="ended by SIGKILL"), env=env)
    assert env.resets == 1 and len(shown) == 1
    assert "it died: ended by SIGKILL" in shown[0][0] and shown[0][1] == 0, "the arm moved before the go"
    shown.clear()
    act(ActorConfig(max_episodes=1), env=OperatedWorld(prompt))
    assert shown == []


def test_real_arm_whose_actor_died_stays_where_it_is_without_a_person() -> None:
    env = OperatedWorld(refuse_without_a_person)
    with pytest.raises(ConfigError, match="got no person's device"):
        act(ActorConfig(died="killed"), env=env)
    assert env.resets == 0


def test_stop_ends_the_wait_for_the_persons_go() -> None:
    def prompt(text: str, hear: Hear) -> None:
        raise StopRequestedError("got SIGTERM while waiting for the person's go")

    env = OperatedWorld(prompt)
    summary, *_ = act(ActorConfig(died="killed"), env=env)
    assert env.resets == 0 and summary.interrupted.startswith("got SIGTERM")


def test_on_step_sees_every_step() -> None:
    seen: list[StepRecord] = []
    summary, _, _, _ = act(ActorConfig(max_episodes=2), on_step=seen.append)
    assert len(seen) == summary.env_steps


def test_stamps_are_of_the_observation() -> None:
    clock = FakeClock()
    _, link, _, _ = act(ActorConfig(max_env_steps=5), still(), clock=clock, speed=1.0)
    assert [step.stamp_ns / NS_PER_S for step in link.steps] == pytest.approx([0.0, 0.0, 0.1, 0.2, 0.3])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="deterministic_fraction: got"):
        ActorConfig(deterministic_fraction=1.5)
    with pytest.raises(ConfigError, match="speed: got"):
        Rollout(PointWorld(), speed=-1.0)
