"""Every sampled (obs, next_obs) is a real pair, whatever the order in which steps arrive."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.records import Source, StepRecord
from robot_rl.data.batch import Batch, Horizon
from robot_rl.data.replay import Replay
from tests.data.builders import SCHEMA, step_record


@dataclass
class Script:
    """A run of interleaved actors, and the pairs that it really contains."""

    records: list[StepRecord] = field(default_factory=list)
    following: dict[int, int] = field(default_factory=dict)  # uid -> uid of the next frame
    terminal: set[int] = field(default_factory=set)
    source: dict[int, Source] = field(default_factory=dict)
    successes: set[tuple[str, int]] = field(default_factory=set)  # actor, episode

    @property
    def imitated(self) -> set[int]:
        """Frames of demonstrations, and of interventions in episodes that succeeded."""
        human = {r.sequence for r in self.records if r.source == Source.HUMAN}
        won = {r.sequence for r in self.records if (r.actor, r.episode) in self.successes}
        return {uid for uid, source in self.source.items() if source == Source.DEMONSTRATION} | (human & won)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Up to three actors; episodes of any length; interventions in bursts; actors that die; steps that get lost."""
    script, uid = Script(), 0
    actors: dict[str, list[int]] = {}  # actor -> [episode, step, uid of the previous record or -1]
    for _ in range(draw(st.integers(1, 60))):
        actor = draw(st.sampled_from(["a0", "a1", "a2"]))
        episode, step, previous = actors.get(actor, [0, 0, -1])
        event = draw(st.sampled_from(["go"] * 6 + ["terminate", "truncate", "die", "lose"]))
        if event == "die":
            actors[actor] = [episode + 1, 0, -1]
            continue
        if event == "lose":
            actors[actor] = [episode, step + 1, -1]
            continue
        source = draw(st.sampled_from(list(Source)))
        ends = event in ("terminate", "truncate")
        record = step_record(
            uid,
            actor=actor,
            episode=episode,
            step=step,
            source=source,
            closing_uid=uid + 1 if ends else None,
            terminated=event == "terminate",
            truncated=event == "truncate",
            success=event == "terminate" and draw(st.booleans()),
        )
        if record.success:
            script.successes.add((actor, episode))
        script.records.append(record)
        script.source[uid] = source
        if previous >= 0:
            script.following[previous] = uid
        if ends:
            script.following[uid] = uid + 1
        if event == "terminate":
            script.terminal.add(uid)
        actors[actor] = [episode + 1, 0, -1] if ends else [episode, step + 1, uid]
        uid += 2
    return script


def stored(replay: Replay, draws: int = 400) -> dict[int, int]:
    """Return the pairs that sampling finds, after checking that each sample is of one piece."""
    batch = replay.sample(draws, 1, prior_fraction=0.25)
    here, there = batch.obs["state"][0, :, 0], batch.next_obs["state"][0, :, 0]
    assert np.array_equal(batch.obs["wrist"][0, :, 0].round(), here)
    assert np.array_equal(batch.next_obs["wrist"][0, :, 0].round(), there)
    assert np.array_equal(batch.action[0, :, 0], here)
    assert np.array_equal(batch.reward[0], here)
    return {int(a): int(b) for a, b in zip(here, there, strict=True)}


@settings(max_examples=80, deadline=None)
@given(
    script=scripts(), capacity=st.integers(2, 40), demonstrations=st.integers(2, 12), prior=st.sampled_from([0, 2, 9])
)
def test_every_sampled_pair_is_real(script: Script, capacity: int, demonstrations: int, prior: int) -> None:
    replay = Replay(SCHEMA, capacity, seed=0, demonstration_capacity=demonstrations, prior_capacity=prior)
    for record in script.records:
        replay.append(record)
        if len(replay):
            pairs = stored(replay, draws=60)
            assert all(script.following.get(here) == there for here, there in pairs.items())


@settings(max_examples=50, deadline=None)
@given(script=scripts(), prior=st.sampled_from([0, 200]))
def test_with_room_for_all_every_complete_transition_is_sampled(script: Script, prior: int) -> None:
    replay = Replay(SCHEMA, capacity=200, seed=1, prior_capacity=prior)
    completed = sum(replay.append(record) for record in script.records)
    assert completed == len(script.following) == len(replay)
    if completed:
        assert stored(replay, draws=4000) == script.following


@settings(max_examples=30, deadline=None)
@given(script=scripts())
def test_terminal_and_human_flags_belong_to_the_step(script: Script) -> None:
    replay = Replay(SCHEMA, capacity=200, seed=2)
    for record in script.records:
        replay.append(record)
    if not len(replay):
        return
    batch = replay.sample(300, 1)
    for uid, terminated, human in zip(batch.obs["state"][0, :, 0], batch.terminated[0], batch.imitated[0], strict=True):
        assert bool(terminated) == (int(uid) in script.terminal)
        assert bool(human) == (int(uid) in script.imitated)


@settings(max_examples=30, deadline=None)
@given(script=scripts(), capacity=st.integers(2, 12), prior=st.sampled_from([0, 2, 9]))
def test_the_counters_balance(script: Script, capacity: int, prior: int) -> None:
    replay = Replay(SCHEMA, capacity, seed=3, prior_capacity=prior)
    for record in script.records:
        replay.append(record)
    counts = replay.counts()
    gathered = counts["online"] + counts["demonstration"] + counts["prior"]
    assert gathered - counts["evicted"] == len(replay) == counts["samplable"]


def reference(script: Script, uid: int, horizon: int, over_takeovers: bool = False) -> list[int]:
    """Return the frames of the steps of a sample that begins at a frame, one by one."""
    steps = [uid]
    while len(steps) < horizon and steps[-1] not in script.terminal:
        following = script.following[steps[-1]]
        if following not in script.following:
            break
        if script.source[following] != script.source[uid] and not over_takeovers:
            break
        steps.append(following)
    return steps


def samples_of(replay: Replay, horizon: Horizon, draws: int) -> Iterator[tuple[list[int], Batch, int]]:
    """Yield the frames of the steps of each sample, the batch, and the sample's row."""
    batch = replay.sample(draws, 1, horizon=horizon)
    assert batch.action.shape == (1, draws, horizon.steps, 2)
    for row in range(draws):
        length = round(np.log(batch.discount[0, row]) / np.log(horizon.discount))
        steps = [int(batch.obs["state"][0, row, 0]), *batch.action[0, row, 1:length, 0].astype(int)]
        assert not batch.action[0, row, length:].any()
        yield steps, batch, row


@settings(max_examples=60, deadline=None)
@given(script=scripts(), steps=st.integers(2, 5), discount=st.floats(0.5, 0.99), over_takeovers=st.booleans())
def test_a_horizon_sums_what_a_walk_along_the_episode_sums(
    script: Script, steps: int, discount: float, over_takeovers: bool
) -> None:
    replay = Replay(SCHEMA, capacity=200, seed=4)
    for record in script.records:
        replay.append(record)
    if not len(replay):
        return
    for walked, batch, row in samples_of(replay, Horizon(steps, discount, over_takeovers), 200):
        assert walked == reference(script, walked[0], steps, over_takeovers)
        reward = sum(discount**i * uid for i, uid in enumerate(walked))
        assert batch.reward[0, row] == pytest.approx(reward, rel=1e-5)
        assert batch.next_obs["state"][0, row, 0] == script.following[walked[-1]]
        assert bool(batch.terminated[0, row]) == (walked[-1] in script.terminal)
        assert bool(batch.imitated[0, row]) == script.imitated.issuperset(walked if over_takeovers else walked[:1])


@settings(max_examples=40, deadline=None)
@given(script=scripts(), capacity=st.integers(2, 20), steps=st.integers(2, 5))
def test_a_horizon_ends_where_memory_ends(script: Script, capacity: int, steps: int) -> None:
    replay = Replay(SCHEMA, capacity, seed=5, demonstration_capacity=8)
    for record in script.records:
        replay.append(record)
        if len(replay):
            for walked, batch, row in samples_of(replay, Horizon(steps, 0.9), 20):
                assert walked == reference(script, walked[0], steps)[: len(walked)]
                assert batch.next_obs["state"][0, row, 0] == script.following[walked[-1]]


@given(script=scripts())
@settings(max_examples=20, deadline=None)
def test_a_horizon_of_one_step_draws_the_same_samples_as_none(script: Script) -> None:
    drawn = []
    for options in ({}, {"horizon": Horizon(1, 0.5)}):
        replay = Replay(SCHEMA, capacity=200, seed=6)
        for record in script.records:
            replay.append(record)
        if not len(replay):
            return
        drawn.append(replay.sample(50, 2, **options))
    assert all(np.array_equal(a, b) for a, b in zip(drawn[0][2:4], drawn[1][2:4], strict=True))
    assert (drawn[1].discount == 0.5).all()
