"""Scripted humans: RLIF's rule, bursts, a share of watched episodes that tapers, and clumsy hands."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.errors import ConfigError
from robot_rl.teleop.devices.scripted import ExpertDevice, FunctionExpert, ScriptedHuman
from robot_rl.teleop.devices.scripted_config import (
    CLUMSY,
    ActionNoise,
    ScriptedHumanConfig,
)

GOOD = np.full(7, 0.5, np.float32)
BAD = -GOOD
SURE = ScriptedHumanConfig(probability_worse=1.0, probability_otherwise=0.0, memory=0.0)


class Counting:
    """An expert that always wants the same, and counts."""

    layout = arm_layout(StateEntry("state", 24))

    def __init__(self, script=None) -> None:
        self.resets = self.calls = 0
        self._script = script

    def reset(self) -> None:
        self.resets += 1

    def action(self) -> np.ndarray:
        self.calls += 1
        return GOOD if self._script is None else self._script[self.calls - 1]


def human(config: ScriptedHumanConfig, seed: int = 0, expert: Counting | None = None) -> ScriptedHuman:
    made = ScriptedHuman(expert or Counting(), config, np.random.default_rng(seed))
    made.reset()
    return made


def runs_of_charge(engaged: list[bool]) -> list[int]:
    """Lengths of the uninterrupted interventions."""
    text = "".join("x" if e else "." for e in engaged)
    return [len(run) for run in text.split(".") if run]


def test_policy_as_good_as_the_expert_is_left_alone() -> None:
    watcher = human(SURE)
    assert not any(watcher.read(GOOD).engaged for _ in range(100))


def test_worse_policy_is_taken_over_at_once_with_the_experts_action() -> None:
    state = human(SURE).read(BAD)
    assert state.engaged
    np.testing.assert_array_equal(state.action, GOOD)


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 6), st.integers(0, 6)))
@settings(max_examples=30)
def test_bursts_keep_their_lengths(seed: int, span: tuple[int, int]) -> None:
    burst = (span[0], span[0] + span[1])
    watcher = human(replace(SURE, burst_steps=burst, rest_steps=1), seed)
    runs = runs_of_charge([watcher.read(BAD).engaged for _ in range(200)])[:-1]  # the last may be cut
    assert min(runs) >= burst[0] and max(runs) <= burst[1]


def test_chances_are_those_of_the_rule() -> None:
    rlif = replace(SURE, probability_worse=0.95, probability_otherwise=0.05, burst_steps=(1, 1))
    for proposed, chance in ((BAD, 0.95), (GOOD, 0.05)):
        watcher = human(rlif)
        share = np.mean([watcher.read(proposed).engaged for _ in range(4000)])
        assert share == pytest.approx(chance, abs=0.015)


def test_running_distance_forgives_a_single_bad_step() -> None:
    watcher = human(replace(SURE, memory=0.9, threshold=0.5))
    for _ in range(20):
        watcher.read(GOOD)
    assert not watcher.read(BAD).engaged and watcher.distance == pytest.approx(0.1)
    assert any(watcher.read(BAD).engaged for _ in range(10))


def test_policy_that_is_not_a_number_or_absent_is_worse() -> None:
    assert human(SURE).read(np.full(7, np.nan, np.float32)).engaged
    assert human(SURE).read(None).engaged


def test_human_intervenes_in_a_long_episode_whatever_the_policy_does() -> None:
    watcher = human(replace(SURE, intervene_after_steps=5, burst_steps=(2, 2), rest_steps=3))
    assert [watcher.read(GOOD).engaged for _ in range(12)] == [False] * 5 + [True] * 2 + [False] * 3 + [True] * 2
    watcher.reset()
    assert not any(watcher.read(GOOD).engaged for _ in range(5))


def test_first_steps_and_rests_are_free() -> None:
    watcher = human(replace(SURE, free_steps=4, rest_steps=3, burst_steps=(2, 2)))
    engaged = "".join("x" if watcher.read(BAD).engaged else "." for _ in range(14))
    assert engaged == "....xx...xx..."


def test_expert_is_called_every_step() -> None:
    expert = Counting()
    watcher = human(replace(SURE, probability_worse=0.0), expert=expert)
    for _ in range(10):
        watcher.read(BAD)
    assert (expert.resets, expert.calls) == (1, 10)


def test_watched_share_tapers_to_its_floor_and_resumes_there() -> None:
    config = replace(SURE, attention=0.9, attention_floor=0.1, attention_half_life_steps=1000.0)
    assert [round(config.watched_share(n), 3) for n in (0, 1000, 2000, 10**6)] == [0.9, 0.5, 0.3, 0.1]
    resumed = ScriptedHuman(Counting(), config, np.random.default_rng(0), env_steps=10**6)
    watched = 0
    for _ in range(500):
        resumed.reset()
        watched += resumed.read(BAD).engaged
    assert 25 <= watched <= 80


def test_unwatched_episode_costs_the_expert_nothing() -> None:
    expert = Counting()
    watcher = human(replace(SURE, attention=0.0), expert=expert)
    assert not any(watcher.read(BAD).engaged for _ in range(20))
    assert expert.calls == 0 and watcher.env_steps == 20


def test_action_noise_delays_disturbs_and_drops_motion_but_not_the_gripper() -> None:
    script = [np.full(7, i / 100, np.float32) for i in range(50)]
    late = ExpertDevice(Counting(script), np.random.default_rng(0), ActionNoise(delay_steps=3))
    late.reset()
    assert [round(float(late.read().action[0]) * 100) for _ in range(6)] == [0, 0, 0, 0, 1, 2]
    noisy = ExpertDevice(Counting(), np.random.default_rng(0), ActionNoise(noise_std=0.2))
    noisy.reset()
    actions = np.array([noisy.read().action for _ in range(2000)])
    assert actions[:, :6].std() == pytest.approx(0.2, abs=0.01) and np.abs(actions).max() <= 1.0
    np.testing.assert_array_equal(actions[:, 6], GOOD[6])
    lapsing = ExpertDevice(Counting(), np.random.default_rng(0), ActionNoise(lapse_probability=0.1, lapse_steps=4))
    lapsing.reset()
    rests = [not lapsing.read().action.any() for _ in range(2000)]
    assert min(runs_of_charge(rests)[:-1]) >= 4
    assert 0.2 < np.mean(rests) < 0.4


@pytest.mark.parametrize(("gain", "settles"), [(1.0, False), (0.4, True)])
def test_late_operator_settles_only_at_a_low_gain(gain: float, settles: bool) -> None:
    way = np.full(7, 3.0)
    expert = FunctionExpert(lambda: np.clip(way, -1.0, 1.0), Counting.layout)
    operator = ExpertDevice(expert, np.random.default_rng(0), ActionNoise(gain=gain, delay_steps=2))
    operator.reset()
    ways = []
    for _ in range(60):
        way = way - operator.read().action
        ways.append(abs(way[0]))
    assert (max(ways[-10:]) < 0.1) == settles


def test_same_seed_same_human() -> None:
    config = ScriptedHumanConfig(action_noise=CLUMSY)
    one, other = human(config, 3), human(config, 3)
    for _ in range(50):
        a, b = one.read(BAD), other.read(BAD)
        assert a.engaged == b.engaged
        np.testing.assert_array_equal(a.action, b.action)


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"burst_steps": (5, 4)}, {"threshold": np.nan}, {"attention": 1.5}, {"attention_half_life_steps": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            ScriptedHumanConfig(**wrong)
    with pytest.raises(ConfigError, match="delay_steps: got -1"):
        ActionNoise(delay_steps=-1)


def test_operator_judges_what_it_saw_a_reaction_time_ago() -> None:
    watcher = human(replace(SURE, reaction_steps=3, memory=0.0))
    engaged = [watcher.read(action).engaged for action in [GOOD] * 4 + [BAD] * 4]
    assert engaged == [False] * 7 + [True]


def test_operator_acts_throughout_where_no_policy_does() -> None:
    watcher = human(replace(SURE, attention=0.0, free_steps=4, rest_steps=3, reaction_steps=3))
    assert all(watcher.read(None).engaged for _ in range(20))
