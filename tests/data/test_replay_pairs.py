"""Every sampled (obs, next_obs) is a real pair, whatever the order in which steps arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.records import Source, StepRecord
from robot_rl.data.replay import Replay
from tests.data.builders import SCHEMA, step_record


@dataclass
class Script:
    """A run of interleaved actors, and the pairs that it really contains."""

    records: list[StepRecord] = field(default_factory=list)
    following: dict[int, int] = field(default_factory=dict)  # uid -> uid of the next frame
    terminal: set[int] = field(default_factory=set)
    source: dict[int, Source] = field(default_factory=dict)


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
        )
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
    batch = replay.sample(draws, 1)
    here, there = batch["obs"]["state"][0, :, 0], batch["next_obs"]["state"][0, :, 0]
    assert np.array_equal(batch["obs"]["wrist"][0, :, 0].round(), here)
    assert np.array_equal(batch["next_obs"]["wrist"][0, :, 0].round(), there)
    assert np.array_equal(batch["action"][0, :, 0], here)
    assert np.array_equal(batch["reward"][0], here)
    return {int(a): int(b) for a, b in zip(here, there, strict=True)}


@settings(max_examples=80, deadline=None)
@given(script=scripts(), capacity=st.integers(2, 40), demonstrations=st.integers(2, 12))
def test_every_sampled_pair_is_real(script: Script, capacity: int, demonstrations: int) -> None:
    replay = Replay(SCHEMA, capacity, seed=0, demonstration_capacity=demonstrations)
    for record in script.records:
        replay.append(record)
        if len(replay):
            pairs = stored(replay, draws=60)
            assert all(script.following.get(here) == there for here, there in pairs.items())


@settings(max_examples=50, deadline=None)
@given(script=scripts())
def test_with_room_for_all_every_complete_transition_is_sampled(script: Script) -> None:
    replay = Replay(SCHEMA, capacity=200, seed=1)
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
    for uid, terminated, human in zip(
        batch["obs"]["state"][0, :, 0], batch["terminated"][0], batch["human"][0], strict=True
    ):
        assert bool(terminated) == (int(uid) in script.terminal)
        assert bool(human) == (script.source[int(uid)] != Source.POLICY)


@settings(max_examples=30, deadline=None)
@given(script=scripts(), capacity=st.integers(2, 12))
def test_the_books_balance(script: Script, capacity: int) -> None:
    replay = Replay(SCHEMA, capacity, seed=3)
    for record in script.records:
        replay.append(record)
    counts = replay.counts()
    assert counts["online"] + counts["demonstration"] - counts["evicted"] == len(replay) == counts["samplable"]
