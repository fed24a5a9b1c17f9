"""The foot pedal, from the kernel's events to labels and the dead-man."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.errors import ConfigError, DeviceLostError, UnknownNameError
from robot_rl.core.settings import from_text
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.pedal import CODES, EVENT, Pedal, PedalConfig, pedals
from robot_rl.teleop.devices.spacemouse import SpaceMouse, SpaceMouseConfig
from robot_rl.testing import FakeClock
from tests.teleop.devices.hid_bus import COMPACT, Bus

ARM = arm_layout(StateEntry("state", 24))
SCAN, SYN, DROPPED = (4, 4, 458757), (0, 0, 0), (0, 3, 0)
"""Scan code that precedes a key, end of a report, and the kernel's note that it dropped events."""


def packed(*events: tuple[int, int, int]) -> bytes:
    """Return events as the kernel writes them, with its time."""
    return b"".join(EVENT.pack(1764493200, 1000 * i, *event) for i, event in enumerate(events))


class Floor:
    """A pedal at the end of a pipe that carries the kernel's bytes, and time."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.path, self.clock = folder / "usb-PCsensor_FootSwitch-event-kbd", FakeClock(100.0)
        os.mkfifo(self.path)
        self.plug()
        config = from_text(PedalConfig, settings, "pedal")
        self.pedal = Pedal(config, self.clock, folder)

    def plug(self) -> None:
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer finds one
        self.writer = os.open(self.path, os.O_WRONLY)
        os.close(reader)

    def key(self, name: str, value: int) -> None:
        """Report a key as a USB pedal does: scan code, key, end."""
        head = () if value == 2 else (SCAN,)
        os.write(self.writer, packed(*head, (1, CODES[name], value), SYN))


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    made = Floor(tmp_path)
    yield made
    made.pedal.close()


def test_bytes_of_a_64_bit_kernel_are_understood(floor: Floor) -> None:
    """One event each: time, type 1, code 48 (b); pressed, repeated, released."""
    engaged = []
    for value in ("01000000", "02000000", "00000000"):
        os.write(floor.writer, bytes.fromhex("503b2c6900000000e80300000000000001003000" + value))
        engaged.append(floor.pedal.read().engaged)
    assert engaged == [True, True, False]


def test_held_pedal_engages_and_lifting_it_releases(floor: Floor) -> None:
    assert not floor.pedal.read().engaged
    floor.key("b", 1)
    for _ in range(20):  # the kernel repeats; many pedals do not
        floor.clock.advance(0.1)
        floor.key("b", 2)
        assert floor.pedal.read().engaged
    floor.clock.advance(5.0)
    assert floor.pedal.read().engaged
    floor.key("b", 0)
    assert not floor.pedal.read().engaged


def test_other_pedals_label_once_a_press(floor: Floor) -> None:
    for key in ("a", "c", "a"):
        floor.key(key, 1)
        floor.key(key, 2)
        floor.key(key, 0)
    assert floor.pedal.read().labels == ("success", "failure", "success")
    assert floor.pedal.read().labels == ()
    floor.key("a", 1)
    floor.pedal.reset()
    assert floor.pedal.read().labels == ()


def test_event_that_comes_in_two_parts_counts_once(floor: Floor) -> None:
    data = packed((1, CODES["b"], 1))
    os.write(floor.writer, data[:10])
    assert not floor.pedal.read().engaged
    os.write(floor.writer, data[10:])
    assert floor.pedal.read().engaged


def test_pedal_that_hangs_releases_after_the_longest_press_until_it_is_pressed_anew(tmp_path: Path) -> None:
    floor = Floor(tmp_path, press_max_s="10")
    floor.key("b", 1)
    assert floor.pedal.read().engaged
    floor.clock.advance(9.9)
    assert floor.pedal.read().engaged
    floor.clock.advance(0.2)
    assert not floor.pedal.read().engaged
    floor.key("b", 2)
    assert not floor.pedal.read().engaged
    floor.key("b", 0)
    floor.key("b", 1)
    assert floor.pedal.read().engaged


@pytest.mark.parametrize("mode", ["hold", "toggle"])
def test_events_that_the_kernel_dropped_release(mode: str, tmp_path: Path) -> None:
    floor = Floor(tmp_path, **{"engage.mode": mode})
    floor.key("b", 1)
    assert floor.pedal.read().engaged
    os.write(floor.writer, packed(DROPPED))
    assert not floor.pedal.read().engaged
    floor.key("b", 2)
    assert not floor.pedal.read().engaged


@pytest.mark.parametrize("mode", ["hold", "toggle"])
def test_unplugged_pedal_is_a_stop_and_comes_back_released(mode: str, tmp_path: Path) -> None:
    floor = Floor(tmp_path, **{"engage.mode": mode})
    floor.key("b", 1)
    assert floor.pedal.read().engaged
    os.close(floor.writer)
    state = floor.pedal.read()
    assert state.stopped and not state.engaged and state.stamp_ns is None
    floor.clock.advance(0.6)
    floor.plug()
    state = floor.pedal.read()
    assert state.alive and not state.engaged


def test_toggle_takes_over_and_hands_back(tmp_path: Path) -> None:
    floor, taken = Floor(tmp_path, **{"engage.mode": "toggle"}), []
    for _ in range(3):
        floor.key("b", 1)
        floor.key("b", 0)
        taken += [floor.pedal.read().engaged, floor.pedal.read().engaged]
    assert taken == [True, True, False, False, True, True]


def test_stop_is_a_latch_that_only_the_clear_key_lifts(tmp_path: Path) -> None:
    floor = Floor(tmp_path, keys='{"f13": "stop", "184": "clear"}')
    for key, stopped in (("f13", True), ("b", True), ("f14", False)):
        floor.key(key, 1)
        floor.key(key, 0)
        assert floor.pedal.read().estop is stopped
    assert not floor.pedal.enables


@pytest.mark.parametrize("pedal_enables", [True, False])
def test_pedal_beside_a_spacemouse(pedal_enables: bool, tmp_path: Path) -> None:
    """As the dead-man, the pedal alone decides; with labels alone, moving the cap takes over as ever."""
    settings = {} if pedal_enables else {"keys": '{"b": "success"}'}
    floor, bus = Floor(tmp_path, **settings), Bus(hidraw0=COMPACT)
    both = EnabledDevice(floor.pedal, SpaceMouse(ARM, SpaceMouseConfig(), floor.clock, bus))
    bus.device.push((0, -350, 0, 0, 0, 0))
    state = both.read()
    assert state.engaged is not pedal_enables and state.action is not None and state.action.any()
    floor.key("b", 1)
    state = both.read()
    assert state.engaged and state.labels == (() if pedal_enables else ("success",))
    os.close(floor.writer)
    state = both.read()
    assert state.stopped
    arbiter, policy = Arbiter(ARM), np.zeros(7, np.float32)
    assert arbiter.decide(policy, state, now_ns=floor.clock.now_ns()).charge is ControlAuthority.ESTOP


def test_pedals_are_found_by_name_each_once(tmp_path: Path) -> None:
    names = ["usb-PCsensor_FootSwitch-event-kbd", "usb-PCsensor_FootSwitch-event-mouse", "usb-Dell_Keyboard-event-kbd"]
    for name in [*names, "usb-VEC_VEC_USB_Footpedal-event-if00", "usb-PCsensor_FootSwitch-mouse"]:
        (tmp_path / name).touch()
    assert [path.name for path in pedals(tmp_path)] == [names[0], "usb-VEC_VEC_USB_Footpedal-event-if00"]
    with pytest.raises(DeviceLostError, match=r"got .*FootSwitch.*Footpedal.*; name one by path"):
        Pedal(folder=tmp_path)
    with pytest.raises(DeviceLostError, match="got none, expected one; plug it in"):
        Pedal(folder=tmp_path / "none")
    with pytest.raises(DeviceLostError, match=r"expected to read .*gone.*60-robot-rl-pedal\.rules"):
        Pedal(PedalConfig(str(tmp_path / "gone")))


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"keys": '{"a": "sucess"}'}, UnknownNameError, "mean 'success'"),
        ({"keys": '{"a": "open"}'}, UnknownNameError, "open"),
        ({"keys": '{"pagedwn": "undo"}'}, UnknownNameError, "mean 'pagedown'"),
        ({"keys": '{"a": "stop"}'}, ConfigError, "stop without clear"),
        ({"press_max_s": "0"}, ConfigError, "press_max_s"),
        ({"engage.mode": "deflection"}, ConfigError, "mode"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, str], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        from_text(PedalConfig, settings, "pedal")


def test_doctor_learns_which_key_a_pedal_types(floor: Floor) -> None:
    floor.key("pagedown", 1)
    floor.pedal.read()
    assert floor.pedal.detail == "last key pagedown"
