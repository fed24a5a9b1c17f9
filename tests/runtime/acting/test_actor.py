"""The actor: what it sends is whole, in order, and says who acted, under which weights, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError, DeviceLostError, RobotRLError, StopRequestedError
from robot_rl.core.records import Source
from robot_rl.data.image_codec import decompress
from robot_rl.data.replay import Replay
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.observation import step_schema
from robot_rl.teleop.device import DeviceState, ScriptedDevice
from robot_rl.testing import FakeClock, Playback
from tests.runtime.acting.actor_runs import HELD, QUIET, Breaking, act, scripted, still
from tests.runtime.acting.point_world import (
    TIME_LIMIT,
    LinearPolicy,
    PointWorld,
    RecordingLink,
    TinyEncoder,
)


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
    clock = FakeClock()
    start_s = clock.now_s()
    with pytest.raises(RobotRLError, match=r"faults: got 10 episodes in a row"):
        act(ActorConfig(), env=gone, clock=clock)
    assert 20.0 < clock.now_s() - start_s < 60.0  # time for a person to free the arm


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


def test_a_chunk_ends_where_an_episode_or_a_human_begins() -> None:
    class Planning(LinearPolicy):
        """Decides three steps at once, and moves by 0.03, 0.02 and 0.01 in them."""

        left = 0

        def act(self, obs, rng, deterministic) -> np.ndarray:
            self.left = (self.left or 3) - 1
            return np.array([0.01 * (self.left + 1), 0.0, 0.0], np.float32)

        def look_again(self) -> None:
            self.left = 0

    class Touching(ScriptedDevice):
        """Takes over for one step, the third."""

        reads = 0

        def reset(self) -> None: ...

        def read(self, proposed=None) -> DeviceState:
            self.reads += 1
            return HELD if self.reads == 3 else QUIET

        def close(self) -> None: ...

    _, link, _, _ = act(ActorConfig(max_episodes=2), Planning(), human=Touching())
    first, second = ([step for step in link.steps if step.episode == episode] for episode in (0, 1))
    moves = [round(100 * float(step.action[0])) for step in first]
    assert moves[:4] == [3, 2, 0, 3] and first[2].source is Source.HUMAN
    assert moves[-1] != 1, "the first episode ends within a chunk"
    assert round(100 * float(second[0].action[0])) == 3


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


def test_periods_of_a_paced_actor_are_written_and_a_late_step_is_missed() -> None:
    class Slow(PointWorld):
        def step(self, action):
            clock.advance(0.25 if self.steps == 4 else 0.01)
            return super().step(action)

    env, clock = Slow(), FakeClock()
    summary, _, _, ledger = act(ActorConfig(max_episodes=1), still(), env=env, clock=clock, speed=1.0)
    episode, timing = ledger.lines
    assert len(timing["period_ms"]) == summary.env_steps - 1
    assert timing["period_ms"][:6] == [100.0, 100.0, 100.0, 250.0, 50.0, 100.0]
    assert (episode["period_ms_p50"], episode["missed"]) == (100.0, 1)


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


def test_an_episodes_line_tells_actions_at_their_bounds_and_cameras_without_change() -> None:
    class Covered(PointWorld):
        def _observe(self):
            return super()._observe() | {"wrist": np.zeros((8, 8, 3), np.uint8)}

    for env, share in ((PointWorld(), 0.0), (Covered(), 1.0)):
        *_, metrics = act(
            ActorConfig(max_episodes=1), LinearPolicy(gain=100.0, noise=0.0), env=env, encoder=TinyEncoder()
        )
        line = metrics.lines[-1]
        assert line["at_bound"] > 0.5 and line["still_wrist"] >= share
        assert (line["feature_norm_wrist"] > 0.0) != bool(share)
