"""Actors that a learner knows: their number and that of their streams is bounded, and those that are known stay."""

from robot_rl.transport.actors import ACTORS_MAX, STREAMS_MAX, Roster
from robot_rl.transport.handshake import Hello, Introduction
from tests.data.builders import SCHEMA


def hello(name: str, stream: int = 0) -> Hello:
    return Hello(Introduction(SCHEMA, "agent", name, "r"), f"{stream:032x}", "0" * 32, 0, 0)


def test_one_actor_too_many_is_not_known_and_the_others_are() -> None:
    roster = Roster()
    assert all(roster.of(hello(f"a{number}")) for number in range(ACTORS_MAX))
    assert roster.of(hello("one more")) is None and roster.of(hello("a7")) is not None


def test_one_stream_too_many_is_not_known_and_the_others_are() -> None:
    roster = Roster()
    for number in range(STREAMS_MAX):
        actor = roster.of(hello("a0", number))
        assert actor is not None
        actor.open(hello("a0", number))
    assert roster.of(hello("a0", STREAMS_MAX)) is None
    assert roster.of(hello("a0", 7)) is actor
