"""Shares of the two indexes, variants, labels, and what the replay refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError, SchemaMismatchError
from robot_rl.core.records import LabelRecord, Source, StepRecord
from robot_rl.data.batch import Horizon
from robot_rl.data.intervention_penalty import InterventionPenalty
from robot_rl.data.replay import Replay
from tests.data.builders import SCHEMA, frame, step_record


def episode(length: int, first_uid: int = 0, **fields: object) -> list[StepRecord]:
    """An episode of frames first_uid, first_uid + 1, ... that ends truncated."""
    uids = range(first_uid, first_uid + length)
    steps = [step_record(uid, step=uid - first_uid, **fields) for uid in uids[:-1]]
    last = uids[-1]
    ending = step_record(last, step=length - 1, closing_uid=last + 1, truncated=True, **fields)
    return [*steps, ending]


def filled(*episodes: list[StepRecord], capacity: int = 100, **options: Any) -> Replay:
    replay = Replay(SCHEMA, capacity, seed=0, **options)
    for steps in episodes:
        for record in steps:
            replay.append(record)
    return replay


def label(name: str, step: int, window_steps: int = 1, value: float = 1.0) -> LabelRecord:
    return LabelRecord("a0", "r", 99, 0, step, name, value, window_steps, 0)


def rewards(replay: Replay) -> dict[int, tuple[float, bool]]:
    """Frame -> (reward, terminated), of everything that sampling finds."""
    batch = replay.sample(500, 1, demo_fraction=0.0)
    columns = (batch.obs["state"][0, :, 0], batch.reward[0], batch.terminated[0])
    return {int(uid): (float(reward), bool(end)) for uid, reward, end in zip(*columns, strict=True)}


def test_half_of_each_batch_is_demonstration() -> None:
    replay = filled(episode(50, actor="demo", source=Source.DEMONSTRATION), episode(5, first_uid=100))
    batch = replay.sample(64, updates=3)
    assert batch.obs["state"].shape == (3, 64, 2)
    assert (batch.imitated.sum(axis=1) == 32).all()


def test_recorded_failures_are_sampled_beside_demonstrations_and_not_imitated() -> None:
    demonstrated, failed = ({"actor": "demo", "source": s} for s in (Source.DEMONSTRATION, Source.EARLIER))
    replay = filled(episode(5, **demonstrated), episode(5, 10, **failed), episode(5, 20), capacity=20)
    batch = replay.sample(500, updates=1, demo_fraction=0.9)
    uids = batch.obs["state"][0, :, 0]
    assert set(uids[batch.imitated[0] == 1]) == set(range(5))
    assert set(uids[:450]) == {*range(5), *range(10, 15)} and set(uids[450:]) == set(range(20, 25))
    counts = replay.counts()
    assert (counts["demonstration"], counts["online"], counts["samplable"]) == (10, 5, 15)


def test_an_earlier_run_has_a_share_of_its_own_out_of_the_online_one() -> None:
    prior, demo = ({"actor": name, "source": s} for name, s in (("prior", Source.PRIOR), ("d", Source.DEMONSTRATION)))
    replay = filled(episode(5, **demo), episode(5, 10, **prior), prior_capacity=20)
    pretraining = replay.sample(100, 1, 1.0, prior_fraction=0.25)
    assert (pretraining.imitated.sum(), len(replay)) == (75, 10)
    for record in episode(5, 20):
        replay.append(record)
    uids = replay.sample(100, 1, 0.5, prior_fraction=0.25).obs["state"][0, :, 0]
    assert set(uids[:50]) == set(range(5)) and set(uids[50:75]) == set(range(20, 25))
    assert set(uids[75:]) == set(range(10, 15))
    counts = replay.counts()
    assert (counts["prior"], counts["prior_now"], counts["demonstration"], counts["online"]) == (5, 5, 5, 5)


def test_an_earlier_run_alone_fills_the_batch_and_obeys_its_labels() -> None:
    replay = filled(episode(5, source=Source.PRIOR), prior_capacity=20)
    assert replay.sample(8, 1, prior_fraction=0.25).imitated.sum() == 0
    assert replay.relabel(label("success", step=2)) == 1 and rewards(replay) == {
        0: (0, False),
        1: (1, False),
        2: (1, True),
    }


def test_samples_of_an_earlier_run_end_at_its_interventions() -> None:
    sources = [Source.PRIOR, Source.PRIOR, Source.PRIOR_HUMAN, Source.PRIOR_HUMAN]
    steps = [replace(step, source=source) for step, source in zip(episode(4), sources, strict=True)]
    batch = filled(steps, prior_capacity=20).sample(200, 1, horizon=Horizon(4))
    ends = dict(zip(batch.obs["state"][0, :, 0].tolist(), batch.next_obs["state"][0, :, 0].tolist(), strict=True))
    assert ends == {0: 2, 1: 2, 2: 4, 3: 4}


@pytest.mark.parametrize(("policy", "human"), [(Source.POLICY, Source.HUMAN), (Source.PRIOR, Source.PRIOR_HUMAN)])
def test_policys_last_steps_before_an_intervention_lose_reward(policy: Source, human: Source) -> None:
    interventions = (3, 4, 6)  # two of them
    sources = [human if step in interventions else policy for step in range(8)]
    steps = [replace(step, source=source, reward=1.0) for step, source in zip(episode(8), sources, strict=True)]
    penalty = InterventionPenalty(0.25, steps=2)
    replay = filled(steps, episode(2, first_uid=20, episode=1, source=human), prior_capacity=20, penalty=penalty)
    found = {uid: reward for uid, (reward, _) in rewards(replay).items() if uid < 8}
    assert found == {0: 1.0, 1: 0.75, 2: 0.75, 3: 1.0, 4: 1.0, 5: 0.75, 6: 1.0, 7: 1.0}
    assert set(rewards(filled(steps, prior_capacity=20)).values()) == {(1.0, False)}


def test_lost_step_ends_the_penalty() -> None:
    sources = [Source.POLICY] * 4 + [Source.HUMAN]
    steps = [replace(step, source=source, reward=1.0) for step, source in zip(episode(5), sources, strict=True)]
    replay = filled(steps[:1] + steps[2:], penalty=InterventionPenalty(0.25, steps=4))
    assert {uid: reward for uid, (reward, _) in rewards(replay).items()} == {2: 0.75, 3: 0.75, 4: 1.0}


def test_an_empty_index_leaves_its_share_to_the_other() -> None:
    assert filled(episode(5)).sample(8, 1).imitated.sum() == 0
    assert filled(episode(5, source=Source.DEMONSTRATION)).sample(8, 1).imitated.sum() == 8


def imitated(replay: Replay) -> set[int]:
    """Frames that sampling finds among the demonstrations, after checking that those and no others are imitated."""
    batch = replay.sample(500, 1, demo_fraction=0.5)
    uids, flags = batch.obs["state"][0, :, 0].astype(int), batch.imitated[0] > 0
    found = set(uids[:250].tolist())
    assert flags[:250].all()
    assert set(uids[flags].tolist()) == found
    return found


def intervention(success: bool) -> list[StepRecord]:
    """Six steps, of which the human makes 2, 3 and 5; then twenty of the policy in another episode."""
    sources = {uid: Source.HUMAN if uid in (2, 3, 5) else Source.POLICY for uid in range(6)}
    steps = [replace(step, source=sources[step.step], success=success and step.last) for step in episode(6)]
    return [*steps, *episode(20, first_uid=10, actor="a1")]


def test_interventions_are_imitated_where_their_episode_succeeded() -> None:
    replay = filled(intervention(success=True))
    assert len(replay) == replay.counts()["online_now"] == 26
    assert replay.counts()["demonstration_now"] == 3
    assert imitated(replay) == {2, 3, 5}


def test_interventions_in_an_episode_that_failed_are_experience_and_nothing_to_imitate() -> None:
    replay = filled(intervention(success=False), episode(4, actor="demo", source=Source.DEMONSTRATION, first_uid=50))
    assert len(replay) == 30
    assert replay.counts()["online_now"] == 26
    assert imitated(replay) == {50, 51, 52, 53}


@pytest.mark.parametrize("before", [True, False])
def test_a_label_that_comes_later_decides_whether_interventions_are_imitated(before: bool) -> None:
    replay = filled(
        intervention(success=not before), episode(4, actor="demo", source=Source.DEMONSTRATION, first_uid=50)
    )
    replay.relabel(label("success" if before else "failure", step=5))
    assert imitated(replay) == {50, 51, 52, 53} | ({2, 3, 5} if before else set())
    replay.relabel(label("undo", step=5))
    assert imitated(replay) == {50, 51, 52, 53}
    assert len(replay) == 29


def outcomes(replay: Replay) -> dict[int, float]:
    """Frame -> outcome, of everything that sampling finds."""
    batch = replay.sample(500, 1, demo_fraction=0.5, horizon=Horizon(discount=0.5))
    return {int(uid): float(value) for uid, value in zip(batch.obs["state"][0, :, 0], batch.outcome[0], strict=True)}


def test_outcome_is_the_discounted_success_that_followed() -> None:
    demonstration = episode(3, actor="demo", source=Source.DEMONSTRATION, first_uid=50)
    demonstration[-1] = replace(demonstration[-1], success=True)
    found = outcomes(filled(intervention(success=True), demonstration))
    assert {uid: found[uid] for uid in (0, 4, 5, 50, 52)} == {0: 2**-5, 4: 0.5, 5: 1.0, 50: 0.25, 52: 1.0}
    assert {found[uid] for uid in range(10, 30)} == {0.0}


def test_a_label_changes_the_outcome_of_its_episode() -> None:
    replay = filled(intervention(success=False))
    assert set(outcomes(replay).values()) == {0.0}
    replay.relabel(label("success", step=3))
    found = outcomes(replay)
    assert {uid: found[uid] for uid in range(4)} == {0: 0.125, 1: 0.25, 2: 0.5, 3: 1.0}
    replay.relabel(label("failure", step=3))
    assert set(outcomes(replay).values()) == {0.0}


@pytest.mark.parametrize(("imitate", "success", "found"), [("all", False, {2, 3, 5}), ("none", True, set())])
def test_all_or_no_interventions_are_imitated_on_request(imitate: str, success: bool, found: set[int]) -> None:
    demonstration = episode(4, actor="demo", source=Source.DEMONSTRATION, first_uid=50)
    assert imitated(filled(intervention(success), demonstration, imitate=imitate)) == {50, 51, 52, 53} | found


@pytest.mark.parametrize("success", [True, False])
def test_whole_episodes_that_succeeded_are_imitated_on_request(success: bool) -> None:
    demonstration = episode(4, actor="demo", source=Source.DEMONSTRATION, first_uid=50)
    replay = filled(intervention(success), demonstration, imitate="episodes")
    assert len(replay) == 30
    assert imitated(replay) == {50, 51, 52, 53} | (set(range(6)) if success else set())
    replay.relabel(label("failure", step=5))
    assert imitated(replay) == {50, 51, 52, 53} and len(replay) == 30


def test_online_data_does_not_push_demonstrations_out() -> None:
    replay = filled(episode(5, actor="demo", source=Source.DEMONSTRATION), capacity=10)
    for start in range(100, 400, 10):
        for record in episode(9, first_uid=start):
            replay.append(record)
    assert replay.counts()["demonstration_now"] == 5


def test_variants_are_drawn_independently_for_obs_and_next_obs() -> None:
    batch = filled(episode(3)).sample(2000, 1)
    drawn = [
        ((getattr(batch, key)["wrist"] - getattr(batch, key)["wrist"].round()) * 10).round()[0, :, 0].astype(int) % 4
        for key in ("obs", "next_obs")
    ]
    pairs = np.unique(np.stack(drawn, axis=1), axis=0)
    assert batch.obs["wrist"].shape == (1, 2000, 3)
    assert len(pairs) == 16


def test_the_same_state_draws_the_same_samples() -> None:
    replay = filled(episode(20))
    state = replay.rng_state()
    first = replay.sample(16, 4)
    replay.set_rng_state(state)
    second = replay.sample(16, 4)
    assert all(np.array_equal(first.obs[name], second.obs[name]) for name in first.obs)


@given(st.integers(0, 5), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_success_pays_on_one_step_whatever_the_window_and_ends_the_episode_there(step: int, window_steps: int) -> None:
    replay = filled(episode(6))
    assert replay.relabel(label("success", step, window_steps)) == 1
    found = rewards(replay)
    assert found == {uid: (float(uid), False) for uid in range(step)} | {step: (1.0, True)}


def test_failure_ends_every_step_of_its_window_without_reward() -> None:
    replay = filled(episode(6))
    assert replay.relabel(label("failure", step=4, window_steps=2)) == 2
    assert rewards(replay) == {0: (0, False), 1: (1, False), 2: (2, False), 3: (0, True), 4: (0, True)}


def test_a_window_longer_than_any_episode_costs_no_time() -> None:
    replay = filled(episode(3))
    assert replay.relabel(label("undo", step=9_999, window_steps=10_000)) == 3


def test_a_label_without_a_rule_is_ignored_and_counted() -> None:
    replay = filled(episode(3), label_rules={})
    assert replay.relabel(label("success", step=1)) == 0
    assert rewards(replay) == {uid: (float(uid), False) for uid in range(3)}
    assert replay.counts()["labels_ignored"] == 1


def test_a_step_that_was_not_observed_is_never_sampled_and_completes_the_one_before() -> None:
    steps = episode(4)
    replay = filled([*steps[:3], replace(steps[3], observed=False)])
    assert set(rewards(replay)) == {0, 1, 2}
    assert replay.counts()["online"] == 3
    replay.relabel(label("success", step=3))
    assert set(rewards(replay)) == {0, 1, 2}


def test_undo_takes_the_window_out_even_before_the_next_frame_came() -> None:
    steps = episode(5)
    replay = filled(steps[:3])
    assert replay.relabel(label("undo", step=2, window_steps=2)) == 2
    for record in steps[3:]:
        replay.append(record)
    assert set(rewards(replay)) == {0, 3, 4}


def test_stage_pays_once_less_than_success_and_on_its_own_step() -> None:
    replay = filled(episode(6, reward=0.0))
    for _ in range(2):  # paid by the actor and again by the learner, or delivered twice
        replay.relabel(label("stage", step=4, window_steps=3, value=1.0))
    assert rewards(replay) == {uid: (0.25 * (uid == 4), False) for uid in range(6)}


def test_a_label_about_forgotten_steps_is_counted() -> None:
    replay = filled(episode(3))
    assert replay.relabel(label("success", step=40)) == 0
    assert replay.counts()["labels_missed"] == 1


def test_a_repeated_episode_breaks_neither_counters_nor_pairs() -> None:
    replay = filled(*[episode(4) for _ in range(12)], capacity=7)
    assert all(uid < 4 for uid in rewards(replay))


def test_sampling_an_empty_replay_is_refused() -> None:
    with pytest.raises(ConfigError, match="got 0 transitions, expected 1 or more; wait for data"):
        Replay(SCHEMA, 10, seed=0).sample(4, 1)


def test_a_frame_of_another_shape_is_refused_by_name() -> None:
    wrong = frame(0) | {"state": np.zeros(3, np.float32)}
    with pytest.raises(SchemaMismatchError, match=r"observation 'state': got float32\[3\], expected float32\[2\]"):
        Replay(SCHEMA, 10, seed=0).append(step_record(0, obs=wrong))


def test_a_ring_too_small_for_a_pair_is_refused() -> None:
    with pytest.raises(ConfigError, match="capacity: got 1, expected 2 or more"):
        Replay(SCHEMA, 1, seed=0)


def test_more_than_the_machine_holds_is_refused() -> None:
    with pytest.raises(ConfigError, match="lower the capacity"):
        Replay(SCHEMA, 10**15, seed=0)
