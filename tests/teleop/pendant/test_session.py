"""The host's side of the pendant's protocol, in simulated time; the device's frames are written by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import ConfigError
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.frames import FrameReader, encode_frame
from robot_rl.teleop.pendant.messages import (
    Arm,
    Clear,
    DeviceMessage,
    Event,
    Flag,
    Heartbeat,
    Hello,
    HostMessage,
    Query,
    State,
    Stop,
    Welcome,
    write_message,
)
from robot_rl.teleop.pendant.session import PendantSession
from tests.teleop.pendant.host_messages import read_host_message

MS = NS_PER_S // 1000
QUIET = State(0, 0, 7, 0x8C, 0, 0, int(Flag.SESSION), 0, 0, 0, 0, 0)


class Table:
    """A session, a clock, and what went over the line."""

    def __init__(self, config: PendantConfig | None = None) -> None:
        self.nonces = iter(range(100, 200))
        self.session = PendantSession(config or PendantConfig(), lambda: next(self.nonces))
        self.now_ns = 0
        self.sequence = 0
        self.reader = FrameReader()
        self.last_sequence = 0  # heard from the host

    def say(self, message: DeviceMessage, skip: int = 0) -> None:
        """The device sends a message, after so many lost ones."""
        self.sequence = (self.sequence + 1 + skip) & 0xFFFF
        self.session.receive(encode_frame(write_message(message, self.sequence)), self.now_ns)

    def hear(self, vouched: bool = True) -> list[tuple[int, HostMessage]]:
        """What the host sends now."""
        out = self.session.transmit(self.now_ns, vouched)
        heard = [read_host_message(payload) for payload in self.reader.push(out)]
        self.last_sequence = heard[-1][0] if heard else self.last_sequence
        return heard

    def connect(self, boots: int = 1) -> None:
        """Hello and welcome, and a first state."""
        hello = next(message for _, message in self.hear() if isinstance(message, Hello))
        self.say(Welcome(hello.nonce, 0, boots, 180, 0, 1, 0, 0))
        self.say(QUIET)

    def wait(self, milliseconds: int, state: State | None = QUIET) -> list[HostMessage]:
        """Let time pass; the device answers every 10 ms unless it is silent."""
        said: list[HostMessage] = []
        for i in range(milliseconds):
            self.now_ns += MS
            said += [message for _, message in self.hear()]
            if state is not None and i % 10 == 0:
                self.say(replace(state, host_sequence=self.last_sequence))
        return said


def count_of(said: list[HostMessage], kind: type) -> int:
    return sum(isinstance(message, kind) for message in said)


def test_hello_is_repeated_until_the_welcome_and_then_heartbeats_come() -> None:
    table = Table()
    assert count_of(table.wait(1000, None), Hello) == 5
    table.now_ns += 200 * MS
    table.connect()
    assert table.session.alive(table.now_ns)
    said = table.wait(1000)
    assert count_of(said, Heartbeat) == 25 and count_of(said, Hello) == 0


def test_heartbeat_echoes_the_newest_time_of_the_device() -> None:
    table = Table()
    table.connect()
    table.say(replace(QUIET, time_ms=4321))
    assert [message for _, message in table.hear()] == [Heartbeat(4321)]


def test_a_hanging_program_sends_no_heartbeat_and_the_session_continues() -> None:
    table = Table()
    table.connect()
    for _ in range(2000):
        table.now_ns += MS
        table.say(QUIET)
        assert table.hear(vouched=False) == []
    assert [type(message) for _, message in table.hear()] == [Heartbeat]
    assert table.session.counters.sessions == 1


def test_missing_and_replayed_frames_are_counted() -> None:
    table = Table()
    table.connect()
    table.say(replace(QUIET, time_ms=10), skip=3)
    table.sequence -= 2  # two frames come again, with other content
    table.say(replace(QUIET, time_ms=99))
    table.say(replace(QUIET, time_ms=99))
    counters = table.session.counters
    assert (counters.lost, counters.replayed) == (3, 2)
    assert table.session.state is not None and table.session.state.time_ms == 10


def test_sequence_wraps() -> None:
    table = Table()
    table.sequence = 65_530
    table.connect()
    for _ in range(20):
        table.say(QUIET)
    assert (table.session.counters.lost, table.session.counters.replayed) == (0, 0)


def test_events_come_once_in_order_also_after_lost_frames() -> None:
    table = Table()
    table.connect()
    table.say(replace(QUIET, event_count=1, events=0x1))
    table.say(replace(QUIET, event_count=4, events=0x1231), skip=2)
    table.say(replace(QUIET, event_count=4, events=0x1231))
    assert table.session.take_events() == [Event.SUCCESS, Event.FAILURE, Event.UNDO, Event.SUCCESS]
    assert table.session.take_events() == [] and table.session.counters.events_lost == 0


def test_events_beyond_the_last_eight_are_known_by_number() -> None:
    table = Table()
    table.connect()
    table.say(replace(QUIET, event_count=250, events=0x11111111))
    table.say(replace(QUIET, event_count=4, events=0x22222222))  # ten more, modulo 256
    assert table.session.take_events().count(Event.FAILURE) == 8
    assert table.session.counters.events_lost == 242 + 2


def test_presses_while_the_session_was_lost_are_counted_not_delivered() -> None:
    table = Table()
    table.connect()
    table.wait(400, None)
    table.now_ns += 200 * MS
    hello = next(m for _, m in table.hear() if isinstance(m, Hello))
    table.say(Welcome(hello.nonce, 0, 1, 180, 0, 1, 0, 0))
    table.say(replace(QUIET, event_count=2, events=0x11))
    assert table.session.take_events() == [] and table.session.counters.events_lost == 2
    table.say(replace(QUIET, event_count=3, events=0x113))
    assert table.session.take_events() == [Event.UNDO]


def test_silence_ends_the_session_and_a_new_one_has_a_new_nonce() -> None:
    table = Table()
    table.connect()
    table.wait(100)
    said = table.wait(300, None)
    assert not table.session.alive(table.now_ns)
    assert [message for message in said if isinstance(message, Hello)] == [Hello(101)]


def test_device_that_does_not_hear_gets_a_new_session() -> None:
    table = Table()
    table.connect()
    said: list[HostMessage] = []
    for _ in range(700):  # states keep coming, but never answer
        table.now_ns += MS
        table.say(QUIET)
        said += [message for _, message in table.hear()]
    assert count_of(said, Hello) >= 1


def test_restarted_device_gets_a_new_session() -> None:
    table = Table()
    table.connect()
    table.say(replace(QUIET, flags=0))
    assert not table.session.alive(table.now_ns)
    assert [type(message) for _, message in table.hear()] == [Hello]


def test_old_commands_do_not_reach_a_new_session() -> None:
    table = Table()
    table.connect()
    table.session.arm()
    table.say(replace(QUIET, flags=0))
    table.connect(boots=2)
    assert [type(message) for _, message in table.hear()] == [Heartbeat]


def test_commands_quote_the_present_token() -> None:
    table = Table()
    table.connect()
    table.say(replace(QUIET, token=99))
    for command in (table.session.arm, table.session.clear, table.session.stop, table.session.query):
        command()
    assert [m for _, m in table.hear() if not isinstance(m, Heartbeat)] == [Arm(99), Clear(99), Stop(), Query()]


@pytest.mark.parametrize("answers", [True, False])
def test_rearm_gesture_is_answered_where_that_is_wanted(answers: bool) -> None:
    table = Table(PendantConfig(arm_on_request=answers))
    table.connect()
    table.say(replace(QUIET, token=5, event_count=1, events=0x4))
    assert count_of([message for _, message in table.hear()], Arm) == answers
    assert table.session.take_events() == [Event.REARM]


def test_other_version_is_refused_with_both_named() -> None:
    table = Table()
    payload = bytearray(write_message(QUIET, 0))
    payload[0] = 9
    table.session.receive(encode_frame(bytes(payload)), 0)
    assert "got version 9, expected 1" in str(table.session.refusal)
    assert table.session.counters.bad_version == 1 and not table.session.alive(0)


def test_welcome_to_another_host_and_nonsense_are_counted() -> None:
    table = Table()
    table.hear()
    table.say(Welcome(5, 0, 1, 180, 0, 1, 0, 0))
    table.say(QUIET)
    table.session.receive(encode_frame(b"\x01\x55\x00\x00"), 0)
    assert (table.session.counters.foreign, table.session.counters.bad_message) == (2, 1)
    assert not table.session.alive(0)


def test_round_trips_are_measured_to_the_answer() -> None:
    table = Table()
    table.connect()
    ((sequence, _),) = table.hear()
    table.now_ns += 3 * MS
    table.say(replace(QUIET, host_sequence=sequence))
    table.say(replace(QUIET, host_sequence=sequence))
    assert list(table.session.round_trips_ns) == [3 * MS]


@given(st.lists(st.tuples(st.binary(max_size=120), st.integers(0, 400), st.booleans()), max_size=20), st.booleans())
def test_nothing_that_comes_over_the_line_breaks_the_session(
    parts: list[tuple[bytes, int, bool]], connected: bool
) -> None:
    table = Table()
    if connected:
        table.connect()
    for data, milliseconds, framed in parts:
        payload = b"\x01" + data[:71]
        table.session.receive(encode_frame(payload) if framed else data, table.now_ns)
        table.now_ns += milliseconds * MS
        assert all(kind is not Arm for kind in map(type, table.hear())) or table.session.take_events()
    table.now_ns += NS_PER_S
    table.hear()
    assert not table.session.alive(table.now_ns)
    table.now_ns += NS_PER_S
    hello = next(message for _, message in table.hear() if isinstance(message, Hello))
    table.session.opened()
    table.connect()
    assert table.session.alive(table.now_ns) and hello.nonce >= 100


@pytest.mark.parametrize("wrong", [{"heartbeat_s": 0.1}, {"silence_s": 0.0}, {"vouch_s": float("nan")}])
def test_impossible_times_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: got"):
        PendantConfig(**wrong)  # type: ignore[arg-type]
