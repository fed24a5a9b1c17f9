"""The page as an input device: messages, dead-man, latched stop, and the page beside another device."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.errors import BadMessageError
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority
from robot_rl.teleop.device import DeviceState, ScriptedDevice
from robot_rl.teleop.devices.browser import LABELS_MAX, LOST_S, RELEASE_S, BesidePage, Browser, BrowserInput
from robot_rl.teleop.devices.browser_messages import (
    BUTTONS,
    BYTES_MAX,
    Control,
    Motion,
    Ping,
    Presence,
    Press,
    read_message,
    write_message,
)
from robot_rl.testing import FakeClock, Playback

LAYOUT = arm_layout(StateEntry("state", 24))
PUSH = Motion(True, (1.0, 0.0, 0.0))
UNIT = st.floats(-1.0, 1.0)
MESSAGES = st.one_of(
    st.builds(
        Motion, st.booleans(), st.tuples(UNIT, UNIT, UNIT), st.tuples(UNIT, UNIT, UNIT), st.sampled_from([-1, 0, 1])
    ),
    st.builds(Press, st.sampled_from(BUTTONS)),
    st.builds(Control, st.booleans()),
    st.builds(Presence, st.booleans()),
    st.builds(Ping, st.floats(0, 1e12)),
)


def page(clock: FakeClock, *, sole: bool = True) -> tuple[BrowserInput, Browser]:
    """Return the input of a browser that has control, and the device over it."""
    source = BrowserInput(clock)
    source.sole = sole
    source.take(Presence(True))
    source.take(Motion(False))
    return source, Browser(source, LAYOUT)


def wait(clock: FakeClock, time_s: float) -> None:
    clock.sleep_until(clock.now_ns() + round(1e9 * time_s))


@given(MESSAGES)
def test_message_survives_its_json(message: object) -> None:
    data = write_message(message)  # type: ignore[arg-type]  # one of the union's types
    assert read_message(data) == message
    assert len(data) <= BYTES_MAX


@pytest.mark.parametrize(
    "data",
    [
        "",
        "[]",
        "null",
        "{",
        '{"type": "press"}',
        '{"type": "press", "button": "explode"}',
        '{"type": "press", "button": ["stop"]}',
        '{"type": "press", "button": "stop", "more": 1}',
        '{"type": "unknown"}',
        '{"type": "motion", "held": 1, "move": [0, 0, 0], "turn": [0, 0, 0], "gripper": 0}',
        '{"type": "motion", "held": true, "move": [0, 0], "turn": [0, 0, 0], "gripper": 0}',
        '{"type": "motion", "held": true, "move": [0, 0, 1.1], "turn": [0, 0, 0], "gripper": 0}',
        '{"type": "motion", "held": true, "move": [0, 0, NaN], "turn": [0, 0, 0], "gripper": 0}',
        '{"type": "motion", "held": true, "move": [0, 0, true], "turn": [0, 0, 0], "gripper": 0}',
        '{"type": "motion", "held": true, "move": [0, 0, 0], "turn": [0, 0, 0], "gripper": 0.5}',
        '{"type": "ping", "sent": Infinity}',
        '{"type": "ping", "sent": 1}' + " " * BYTES_MAX,
        "[" * 400,
        b"\xff\xfe\x00",
    ],
)
def test_malformed_message_is_refused(data: str | bytes) -> None:
    with pytest.raises(BadMessageError, match="message of the page: got"):
        read_message(data)


@given(st.binary(max_size=2 * BYTES_MAX) | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps))
def test_no_bytes_do_more_than_be_refused(data: str | bytes) -> None:
    try:
        read_message(data)
    except BadMessageError:
        return
    raise AssertionError(f"{data!r} is a message")


def test_tap_of_a_gripper_key_between_two_reads_counts_for_a_while() -> None:
    clock = FakeClock()
    source, device = page(clock)
    source.take(Motion(True, gripper=-1.0))
    source.take(Motion(False))
    clock.advance(0.15)  # a step later
    state = device.read()
    assert state.engaged and state.action is not None
    assert state.action[-1] == -1.0 and not np.any(state.action[:-1])
    clock.advance(0.1)
    assert not device.read().engaged


@pytest.mark.parametrize("event", [Press("stop"), Presence(False)])
def test_tap_of_a_gripper_key_does_not_outlast_a_stop_or_the_connection(event: Press | Presence) -> None:
    source, device = page(FakeClock())
    source.take(Motion(True, gripper=-1.0))
    for message in (Motion(False), event, Presence(True), Motion(False)):
        source.take(message)
    assert not device.read().engaged


def test_held_joystick_moves_along_the_tool_and_a_released_one_does_not() -> None:
    source, device = page(FakeClock())
    source.take(PUSH)
    state = device.read()
    assert state.engaged
    assert state.action is not None
    assert state.action[0] == pytest.approx(0.5)  # the device's speed
    source.take(Motion(False))
    state = device.read()
    assert not state.engaged
    assert not np.any(state.action)


def test_page_is_lost_until_a_browser_has_control() -> None:
    source = BrowserInput(FakeClock())
    source.sole = True
    device = Browser(source, LAYOUT)
    assert not device.read().alive
    source.take(Presence(True))
    source.take(Motion(False))
    assert device.read().alive


def test_silence_releases_the_dead_man_and_a_hand_that_is_still_there_must_let_go_first() -> None:
    clock = FakeClock()
    source, device = page(clock)
    source.take(PUSH)
    assert device.read().engaged
    wait(clock, RELEASE_S + 0.01)
    assert not device.read().engaged
    source.take(PUSH)
    assert not device.read().engaged
    source.take(Motion(False))
    source.take(PUSH)
    assert device.read().engaged
    assert not device.read().estop


def test_message_after_a_silence_that_was_not_read_still_needs_a_release() -> None:
    clock = FakeClock()
    source, device = page(clock)
    source.take(PUSH)
    wait(clock, RELEASE_S + 0.01)
    source.take(PUSH)
    assert not device.read().engaged


@pytest.mark.parametrize("ends_by", ["silence", "a closed connection"])
def test_loss_of_the_only_device_is_a_stop_that_stays(ends_by: str) -> None:
    clock = FakeClock()
    source, device = page(clock)
    if ends_by == "silence":
        wait(clock, LOST_S + 0.01)
    else:
        source.take(Presence(False))
    assert device.read().stopped
    source.take(Presence(True))
    source.take(Motion(False))
    state = device.read()
    assert (state.alive, state.estop) == (True, True)
    source.take(Press("clear"))
    state = device.read()
    assert (state.stopped, state.cleared) == (False, True)


def test_silence_makes_the_arm_hold_before_it_is_a_stop() -> None:
    clock = FakeClock()
    _, device = page(clock)
    arbiter, policy = Arbiter(LAYOUT), np.ones(7, np.float32)
    assert arbiter.decide(policy, device.read(), now_ns=clock.now_ns()).charge is ControlAuthority.POLICY
    wait(clock, RELEASE_S)
    assert arbiter.decide(policy, device.read(), now_ns=clock.now_ns()).charge is ControlAuthority.IDLE
    wait(clock, LOST_S)
    assert arbiter.decide(policy, device.read(), now_ns=clock.now_ns()).charge is ControlAuthority.ESTOP


def test_stop_is_latched_and_releases_the_dead_man() -> None:
    source, device = page(FakeClock())
    source.take(PUSH)
    source.take(Press("stop"))
    source.take(PUSH)
    assert device.read().estop
    source.take(Press("go"))
    assert device.read().estop
    source.take(Press("clear"))
    assert not device.read().engaged  # the hand never let go
    assert not device.read().estop


def test_labels_come_once_in_their_order_and_are_bounded() -> None:
    source, device = page(FakeClock())
    for button in ("success", "undo", "stage"):
        source.take(Press(button))
    assert device.read().labels == ("success", "undo", "stage")
    assert device.read().labels == ()
    for _ in range(2 * LABELS_MAX):
        source.take(Press("success"))
    assert len(device.read().labels) == LABELS_MAX


def test_pause_lets_no_source_act_until_go() -> None:
    source, device = page(FakeClock())
    arbiter, policy = Arbiter(LAYOUT), np.ones(7, np.float32)
    source.take(Press("pause"))
    decision = arbiter.decide(policy, device.read())
    assert (decision.charge, decision.paused) == (ControlAuthority.IDLE, True)
    source.take(Press("go"))
    state = device.read()
    assert (state.paused, state.ready) == (False, True)
    assert arbiter.decide(policy, state).charge is ControlAuthority.POLICY


def test_end_of_the_run_is_requested_once() -> None:
    requests: list[int] = []
    source = BrowserInput(FakeClock(), lambda: requests.append(1))
    source.take(Press("finish"))
    source.take(Press("finish"))
    assert requests == [1]


def test_page_beside_a_device_adds_its_stop_and_moves_only_while_it_is_held() -> None:
    source, browser = page(FakeClock(), sole=False)
    hand = np.full(7, -0.25, np.float32)
    device = BesidePage(Playback([DeviceState(hand, True, ("stage",))] * 5), browser)
    assert device.read().action is hand
    source.take(PUSH)
    source.take(Press("undo"))
    state = device.read()
    assert state.labels == ("stage", "undo")
    assert state.action is not None
    assert state.action[0] == pytest.approx(0.5)
    source.take(Press("stop"))
    assert device.read().estop


def test_loss_of_a_page_beside_a_device_stops_nothing() -> None:
    source, browser = page(FakeClock(), sole=False)
    device = BesidePage(Playback([DeviceState(alive=True)] * 3), browser)
    source.take(PUSH)
    assert device.read().engaged
    source.take(Presence(False))
    state = device.read()
    assert (state.engaged, state.stopped) == (False, False)


class AlwaysActs(ScriptedDevice):
    """Never lets go, as an expert does not."""

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        return DeviceState(np.zeros(7, np.float32), engaged=True)

    def reset(self) -> None:
        pass


@pytest.mark.parametrize(("rest", "goes_on"), [("pause", "go"), ("stop", "clear")])
def test_a_scripted_device_acts_again_in_the_episode_after_a_rest(rest: str, goes_on: str) -> None:
    source, browser = page(FakeClock(), sole=False)
    device, arbiter = BesidePage(AlwaysActs(), browser), Arbiter(LAYOUT, 0.1)
    charges = []
    for button in ("", rest, goes_on, "", ""):
        if button == "":
            device.reset()
            arbiter.reset()
        else:
            source.take(Press(button))
        charges.append(arbiter.decide(None, device.read()).charge.name)
    charges.append(arbiter.decide(None, device.read()).charge.name)
    assert charges == ["HUMAN", "IDLE" if rest == "pause" else "ESTOP", "IDLE", "IDLE", "HUMAN", "HUMAN"]
