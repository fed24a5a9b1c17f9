"""The actor: what it sends is whole, in order, and says who acted, under which weights, and how it ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError, DeviceLostError, HandshakeRefusedError, RobotRLError, StopRequestedError
from robot_rl.core.records import Source, StepRecord
from robot_rl.data.image_codec import decompress
from robot_rl.data.replay import Replay
from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting.actor import CONSECUTIVE_FAULTS_MAX, UPDATES_TIMEOUT_S, ActorSummary, run_actor
from robot_rl.runtime.acting.actor_config import START, ActorConfig, resumed
from robot_rl.runtime.acting.observation import step_schema
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.teleop.device import Device, DeviceState, ScriptedDevice
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.scripted import FunctionExpert, ScriptedHuman
from robot_rl.teleop.devices.scripted_config import ScriptedHumanConfig
from robot_rl.testing import FakeClock, Playback
from tests.runtime.acting.point_world import (
    TIME_LIMIT,
    LinearPolicy,
    MemoryMetrics,
    Person,
    PointWorld,
    RecordingLink,
    TinyEncoder,
)

HUMAN_ACTION = np.array([0.0, 0.0, 0.0], np.float32)
HELD = DeviceState(HUMAN_ACTION, engaged=True)
QUIET = DeviceState()


def still() -> LinearPolicy:
    return LinearPolicy(gain=0.0, noise=0.0)


def act(
    config: ActorConfig,
    policy: LinearPolicy | None = None,
    human: Device | None = None,
    link: RecordingLink | None = None,
    rewards: tuple[str, ...] = ("ground-truth", "human-label"),
    clock: FakeClock | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **more,
) -> tuple[ActorSummary, RecordingLink, PointWorld, MemoryMetrics]:
    """Run an actor in the point's world."""
    link, env, ledger = link or RecordingLink(), more.pop("env", None) or PointWorld(), MemoryMetrics()
    parts = {name: more.pop(name) for name in ("encoder", "speed", "estop", "keep_frames") if name in more}
    rollout = Rollout(
        env, policy or LinearPolicy(), human=human, reward=make_reward(rewards), clock=clock or FakeClock(), **parts
    )
    summary = run_actor(rollout, config, link, ledger, should_stop=should_stop, **more)
    return summary, link, env, ledger


def after(calls: int) -> Callable[[], bool]:
    """Return a question that is answered with yes from its `calls`-th time on."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= calls


def scripted(env: PointWorld, seed: int = 0, **settings) -> ScriptedHuman:
    config = ScriptedHumanConfig(burst_steps=(2, 4), **settings)
    return ScriptedHuman(FunctionExpert(env.expert_action, env.action_layout), config, np.random.default_rng(seed))


@given(st.integers(0, 1000), st.floats(0.0, 6.0), st.integers(1, 90))
@settings(max_examples=25, deadline=None)
def test_sent_records_are_complete_ordered_and_samplable(seed: int, gain: float, budget: int) -> None:
    env = PointWorld()
    human = scripted(env, seed, probability_otherwise=0.2)
    config = ActorConfig(seed=seed, max_env_steps=budget)
    summary, link, _, _ = act(config, LinearPolicy(gain, noise=0.5), human, env=env, encoder=TinyEncoder())
    assert [record.sequence for record in link.records] == list(range(len(link.records)))
    assert len(link.steps) == summary.env_steps == len(env.executed) == budget
    for number, episode in enumerate(link.episodes()):
        assert [step.step for step in episode] == list(range(len(episode)))
        assert {step.episode for step in episode} == {number}
        assert [step.last for step in episode] == [False] * (len(episode) - 1) + [True]
    for step, executed in zip(link.steps, env.executed, strict=True):
        np.testing.assert_array_equal(step.action, executed)
        assert (step.source is Source.HUMAN) == (not np.isnan(step.human_action).any())
        assert not np.isnan(step.policy_action).any()  # known although the human acted
    replay = Replay(step_schema(env, TinyEncoder(), "point"), capacity=400, seed=0)
    for step in link.steps:
        replay.append(step)
    assert len(replay) == budget and replay.counts()["incomplete"] == 0


def test_each_frame_is_encoded_once() -> None:
    encoder = TinyEncoder()
    summary, link, _, _ = act(ActorConfig(max_episodes=4), encoder=encoder)
    assert encoder.calls == summary.env_steps + summary.episodes
    assert link.steps[0].obs["wrist"].shape == (2, 4) and link.steps[0].obs["wrist"].dtype == np.float16


def test_stored_frames_are_those_of_the_features() -> None:
    _, link, _, _ = act(ActorConfig(max_episodes=2), encoder=TinyEncoder(), keep_frames=True)
    for episode in link.episodes():
        for step, following in zip(episode, [*episode[1:], None], strict=True):
            clean = decompress(step.frames["wrist"]).reshape(4, -1).mean(axis=1) / 255.0
            np.testing.assert_allclose(clean, step.obs["wrist"][0], atol=0.03)
            assert bool(step.next_frames) == (following is None)
    assert not act(ActorConfig(max_episodes=1), encoder=TinyEncoder())[1].steps[0].frames


def test_same_seed_same_episodes_and_another_session_others() -> None:
    def points(config: ActorConfig) -> list[bytes]:
        return [step.obs["state"].tobytes() for step in act(config)[1].steps]

    config = ActorConfig(seed=7, max_episodes=3)
    assert points(config) == points(config)
    assert points(config) != points(replace(config, first_episode=5))
    assert points(config) != points(replace(config, seed=8))


def test_weights_are_swapped_between_two_steps_and_each_step_names_its_version() -> None:
    link = RecordingLink({0: (3, 0.0), 4: (9, 0.0), 8: (2, 5.0)})  # 2: a learner that was restored
    summary, link, _, _ = act(ActorConfig(seed=1, max_episodes=1), still(), link=link)
    versions = [step.policy_version for step in link.steps]
    assert versions[:10] == [3] * 5 + [9] * 4 + [2] and set(versions[10:]) == {2}
    assert summary.weights_loaded == 3


def test_time_limit_is_truncated_success_and_failure_are_terminated() -> None:
    _, link, _, ledger = act(ActorConfig(max_episodes=2), still())
    last = link.episodes()[0][-1]
    assert (last.terminated, last.truncated, last.success, last.step) == (False, True, False, TIME_LIMIT - 1)
    _, link, _, good = act(ActorConfig(max_episodes=1), LinearPolicy(5.0, noise=0.0))
    last = link.steps[-1]
    assert (last.terminated, last.truncated, last.success, last.reward) == (True, False, True, 1.0)
    _, link, _, bad = act(ActorConfig(max_episodes=1), LinearPolicy(-5.0, noise=0.0))
    last = link.steps[-1]
    assert (last.terminated, last.truncated, last.success, last.reward) == (True, False, False, 0.0)
    endings = [{k: line[k] for k in ("success", "failure", "terminated", "truncated", "fault")} for line in
               (ledger.lines[0], good.lines[0], bad.lines[0])]  # fmt: skip
    assert [[k for k, v in ending.items() if v] for ending in endings] == [
        ["truncated"],
        ["success", "terminated"],
        ["failure", "terminated"],
    ]


class Breaking(LinearPolicy):
    """Breaks on its fourth step."""

    def __init__(self, value: float) -> None:
        super().__init__(gain=0.0, noise=0.0)
        self.value, self.calls = value, 0

    def act(self, obs, rng, deterministic):
        self.calls += 1
        action = super().act(obs, rng, deterministic)
        return np.full_like(action, self.value) if self.calls == 4 else action


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_broken_action_never_reaches_the_arm_and_ends_the_episode_as_truncated_with_a_fault(value) -> None:
    summary, link, env, ledger = act(ActorConfig(max_episodes=2), Breaking(value))
    first = link.episodes()[0]
    assert len(first) == 4 and len(env.executed) == 3 + TIME_LIMIT and np.isfinite(env.executed).all()
    assert (first[-1].terminated, first[-1].truncated, first[-1].reward) == (False, True, 0.0)
    assert not first[-1].action.any() and first[-1].next_obs is not None
    assert summary.faults == 1 and [line["fault"] for line in ledger.lines] == [True, False]
    assert "expected finite numbers" in ledger.lines[0]["fault_text"]


def test_environment_that_checks_nothing_is_protected_all_the_same() -> None:
    class Trusting(PointWorld):
        def step(self, action):
            self.steps += 1
            return self._observe(), float(np.isfinite(action).all()), False, self.steps >= TIME_LIMIT, {}

    summary, link, _, _ = act(ActorConfig(max_episodes=1), Breaking(np.nan), env=Trusting())
    assert summary.faults == 1 and len(link.steps) == 4


def test_lost_device_of_the_arm_is_a_fault_too_and_endless_faults_give_up() -> None:
    class Unplugged(PointWorld):
        def step(self, action):
            raise DeviceLostError("arm: got no answer for 1 s, expected one; check the cable.")

    with pytest.raises(RobotRLError, match=r"faults: got 10 episodes in a row.*check the cable"):
        act(ActorConfig(), env=Unplugged())


def test_absent_arm_at_a_reset_is_retried_until_the_time_limit() -> None:
    class Away(PointWorld):
        absences = 2

        def reset(self, **options):
            if self.absences > 0:
                self.absences -= 1
                raise DeviceLostError("task/state: got nothing for 30 s, expected a state.")
            return super().reset(**options)

    summary, link, _, ledger = act(ActorConfig(max_episodes=1), env=Away())
    assert (summary.episodes, summary.faults, len(link.episodes())) == (1, 2, 1)
    assert [line["fault_text"][:10] for line in ledger.lines if line["kind"] == "reset_fault"] == ["task/state"] * 2
    gone = Away()
    gone.absences = 99
    with pytest.raises(RobotRLError, match=r"faults: got 10 episodes in a row"):
        act(ActorConfig(), env=gone)


def test_stop_ends_the_wait_for_a_new_episode_which_is_no_fault_and_keeps_what_was_done() -> None:
    awaited = []

    @contextmanager
    def ends_wait(what: str) -> Iterator[None]:
        awaited.append(what)
        if len(awaited) == 3:
            raise StopRequestedError(f"got SIGTERM while waiting for {what}")
        yield

    summary, link, _, ledger = act(ActorConfig(), ends_wait=ends_wait)
    assert summary.interrupted == "got SIGTERM while waiting for a new episode"
    assert (summary.episodes, summary.faults, len(link.episodes())) == (2, 0, 2)
    assert {line["kind"] for line in ledger.lines} == {"episode"}
    assert summary.line().startswith("got SIGTERM while waiting for a new episode; ")


def test_step_that_was_not_seen_is_recorded_as_a_fault_in_which_nothing_was_done() -> None:
    class Blind(PointWorld):
        def step(self, action):
            obs, *_ = super().step(action)
            return obs, 0.0, False, True, {"fault": "image of wrist: too old", "refused": True}

    summary, link, _, _ = act(ActorConfig(max_episodes=1), env=Blind())
    (step,) = link.steps
    assert summary.faults == 1 and step.truncated and not step.terminated and not step.observed
    np.testing.assert_array_equal(step.action, np.zeros(3))
    np.testing.assert_array_equal(step.next_obs["state"], step.obs["state"])


def test_expert_who_cannot_see_the_arm_lets_go_for_a_step_and_takes_over_again() -> None:
    class Blinking(ScriptedDevice):
        """Engaged always, and blind in every third step."""

        reads = 0

        def reset(self) -> None: ...

        def read(self, proposed=None) -> DeviceState:
            self.reads += 1
            if self.reads % 3 == 0:
                raise DeviceLostError("task/state: got a state 0.3 s old, expected at most 0.1 s.")
            return HELD

        def close(self) -> None: ...

    _, link, _, _ = act(ActorConfig(max_episodes=1), still(), human=Blinking())
    sources = [step.source for step in link.steps[:6]]
    assert sources == [Source.HUMAN, Source.HUMAN, Source.POLICY] * 2


def test_measured_times_of_steps_are_written_in_full_and_as_percentiles() -> None:
    class Timed(PointWorld):
        def step(self, action):
            *rest, info = super().step(action)
            return *rest, {**info, "timing": {"act_to_obs_ms": 100.0 + self.steps, "skew_ms": np.nan}}

        def metrics(self) -> dict[str, float]:
            return {"targets_withheld": 3}

    summary, _, _, ledger = act(ActorConfig(max_episodes=1), env=Timed())
    episode, timing = ledger.lines
    assert timing["act_to_obs_ms"] == [100.0 + number for number in range(1, summary.env_steps + 1)]
    assert timing["skew_ms"] == [] and "skew_ms_p50" not in episode
    assert 100.0 < episode["act_to_obs_ms_p50"] <= episode["act_to_obs_ms_p99"] and episode["targets_withheld"] == 3


def test_before_an_arm_that_does_not_wait_encoder_and_policy_are_tried_once() -> None:
    class Running(PointWorld):
        real_time = True

    waiting, running = TinyEncoder(), TinyEncoder()
    _, link, _, _ = act(ActorConfig(max_episodes=2), encoder=waiting)
    _, same, _, _ = act(ActorConfig(max_episodes=2), env=Running(), encoder=running)
    assert running.calls == waiting.calls + 1
    for one, other in zip(link.steps, same.steps, strict=True):
        np.testing.assert_array_equal(one.action, other.action)


def test_fault_that_the_environment_reports_is_counted() -> None:
    class Braked(PointWorld):
        def step(self, action):
            obs, reward, terminated, _, info = super().step(action)
            return obs, reward, terminated, True, {**info, "fault": "joint 3: torque limit"}

    summary, _, _, ledger = act(ActorConfig(max_episodes=1), still(), env=Braked())
    assert summary.faults == 1 and ledger.lines[0]["fault_text"] == "joint 3: torque limit"


def test_intervention_is_recorded_with_all_three_actions_and_counted() -> None:
    human = Playback([QUIET, HELD, HELD, QUIET, HELD, QUIET])
    policy = LinearPolicy(gain=0.3, noise=0.0)
    summary, link, _, ledger = act(ActorConfig(max_env_steps=6), policy, human)
    assert [step.source for step in link.steps] == [0, 1, 1, 0, 1, 0]
    assert all(not step.action.any() and step.policy_action.any() for step in link.steps if step.source)
    assert (summary.effort.steps, summary.effort.interventions) == (3, 2)
    assert (ledger.lines[0]["human_steps"], ledger.lines[0]["interventions"]) == (3, 2)


def test_greedy_episodes_are_evenly_spread_act_without_noise_and_say_so() -> None:
    policy = LinearPolicy(gain=0.0, noise=0.5)
    _, link, _, ledger = act(ActorConfig(max_episodes=6, deterministic_fraction=1 / 3), policy)
    greedy = [line["greedy"] for line in ledger.lines]
    assert greedy == [False, False, True, False, False, True]
    quiet = [all(not step.action.any() for step in episode) for episode in link.episodes()]
    assert quiet == greedy


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_deterministic_fraction_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="deterministic_fraction: got"):
        ActorConfig(deterministic_fraction=share)


def test_effort_is_counted_per_episode() -> None:
    states = [HELD] * TIME_LIMIT + [QUIET] * (TIME_LIMIT - 1) + [HELD] + [QUIET] * TIME_LIMIT
    _, _, _, ledger = act(ActorConfig(max_episodes=3), still(), Playback(states))
    assert [line["human_steps"] for line in ledger.lines] == [TIME_LIMIT, 1, 0]


def test_rlif_blames_the_last_policy_step_before_each_intervention() -> None:
    human = Playback([HELD, QUIET, QUIET, HELD, HELD, QUIET, HELD, QUIET])
    _, link, _, _ = act(ActorConfig(max_env_steps=8), still(), human, rewards=("ground-truth", "rlif"))
    assert [step.reward for step in link.steps] == [0, 0, -1, 0, 0, -1, 0, 0]


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


def test_labels_that_the_reset_returns_belong_to_the_episode_before() -> None:
    class Operated(PointWorld):
        def reset(self, *, seed=None, options=None):
            obs, info = super().reset(seed=seed, options=options)
            return obs, info | {"late_labels": ("success",)}

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
