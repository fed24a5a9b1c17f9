"""The SpaceMouse, from its reports to the action."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.action_layout import ROTATION, TRANSLATION, StateEntry, arm_layout
from robot_rl.core.errors import ConfigError, DeviceLostError, UnknownNameError
from robot_rl.core.pose import GRIPPER_DOWN
from robot_rl.core.settings import from_text
from robot_rl.teleop.devices.spacemouse import SILENT_S, SpaceMouse, SpaceMouseConfig, SpaceMouseReports
from robot_rl.testing import FakeClock
from tests.teleop.devices.hid_bus import COMPACT, MOUSE, NAVIGATOR, Bus

ARM = arm_layout(StateEntry("state", 24))


class Desk:
    """A SpaceMouse at a computer, and time."""

    def __init__(self, **settings: Any) -> None:
        self.bus, self.clock = Bus(hidraw0=MOUSE, hidraw3=COMPACT), FakeClock(100.0)
        self.mouse = SpaceMouse(ARM, SpaceMouseConfig(**settings), self.clock, self.bus)


def motion(action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return translation and rotation of an action in the base, for a gripper that points down."""
    return GRIPPER_DOWN @ action[ARM.slices[TRANSLATION]], GRIPPER_DOWN @ action[ARM.slices[ROTATION]]


DIRECTIONS = {  # what the hand does -> axes of the device; direction in the base: x forward, y left, z up
    "push forward": ((0, -350, 0, 0, 0, 0), (1, 0, 0), (0, 0, 0)),
    "push left": ((-350, 0, 0, 0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "lift": ((0, 0, -350, 0, 0, 0), (0, 0, 1), (0, 0, 0)),
    "twist anticlockwise, seen from above": ((0, 0, 0, 0, 0, -350), (0, 0, 0), (0, 0, 1)),
    "tilt forward": ((0, 0, 0, -350, 0, 0), (0, 0, 0), (0, 1, 0)),
    "tilt right": ((0, 0, 0, 0, -350, 0), (0, 0, 0), (1, 0, 0)),
}


@pytest.mark.parametrize("report", ["push", "push_wireless"])
@pytest.mark.parametrize("hand", DIRECTIONS)
def test_tool_moves_as_the_cap_does(hand: str, report: str) -> None:
    desk, (axes, translation, rotation) = Desk(), DIRECTIONS[hand]
    getattr(desk.bus.device, report)(axes)
    state = desk.mouse.read()
    assert state.engaged and state.alive
    np.testing.assert_allclose(motion(state.action), (translation, rotation), atol=1e-6)


def test_cap_at_rest_does_not_engage_and_noise_neither() -> None:
    desk = Desk()
    assert not desk.mouse.read().engaged
    desk.bus.device.push((12, -9, 5, 3, -14, 8))
    state = desk.mouse.read()
    assert not state.engaged and not state.action.any()


def test_letting_go_releases_after_the_settings_time() -> None:
    desk = Desk()
    desk.bus.device.push((0, -350, 0, 0, 0, 0))
    assert desk.mouse.read().engaged
    desk.bus.device.push((0, 0, 0, 0, 0, 0))
    assert not desk.mouse.read().action.any()
    desk.clock.advance(0.31)
    assert not desk.mouse.read().engaged


def test_device_that_says_no_more_while_deflected_counts_as_let_go() -> None:
    desk = Desk()
    desk.bus.device.push((0, -350, 0, 0, 0, 0))
    assert desk.mouse.read().action.any()
    desk.clock.advance(SILENT_S + 0.01)
    assert not desk.mouse.read().action.any()
    desk.clock.advance(0.31)
    assert not desk.mouse.read().engaged


def test_newest_report_counts_and_no_press_between_two_reads_is_lost() -> None:
    desk = Desk(buttons=("success", "close"))
    for strength in (-350, -175, 0):
        desk.bus.device.push((0, strength, 0, 0, 0, 0))
    for _ in range(2):
        desk.bus.device.hold(0)
        desk.bus.device.hold()
    desk.bus.device.hold(1)
    state = desk.mouse.read()
    assert state.labels == ("success", "success") and not motion(state.action)[0].any()
    assert state.action[-1] == -1.0 and desk.mouse.read().labels == ()


def test_stop_is_a_latch_that_only_the_clear_button_lifts() -> None:
    desk = Desk(buttons=("stop", "clear"))
    press(desk, 0)
    assert desk.mouse.read().estop and desk.mouse.read().estop
    desk.mouse.reset()
    assert desk.mouse.read().estop
    press(desk, 0, 1)
    assert desk.mouse.read().estop, "both at once: the stop wins"
    press(desk, 1)
    state = desk.mouse.read()
    assert state.cleared and not state.estop and not desk.mouse.read().cleared


def press(desk: Desk, *buttons: int) -> None:
    desk.bus.device.hold(*buttons)
    desk.bus.device.hold()


def test_unplugged_device_is_a_stop_and_comes_back_released() -> None:
    desk = Desk(engage=from_text(SpaceMouseConfig, {"engage.mode": "toggle"}).engage, buttons=("engage",))
    press(desk, 0)
    assert desk.mouse.read().engaged
    desk.bus.device.gone = True
    entries, desk.bus.entries = desk.bus.entries, {}
    lost = desk.mouse.read()
    assert lost.stopped and not lost.engaged and lost.stamp_ns is None and desk.bus.device.closed
    desk.clock.advance(1.0)
    assert not desk.mouse.read().alive
    desk.bus.entries = entries
    desk.clock.advance(1.0)
    back = desk.mouse.read()
    assert back.alive and not back.engaged and len(desk.bus.opened) == 2


def test_closed_device_stays_closed() -> None:
    desk = Desk()
    desk.mouse.close()
    desk.clock.advance(10.0)
    assert not desk.mouse.read().alive and len(desk.bus.opened) == 1


@pytest.mark.parametrize(
    ("bus", "serial", "text"),
    [
        (Bus(hidraw0=MOUSE), "", "got none, expected one; plug it in.*udev"),
        (Bus(a=COMPACT, b=NAVIGATOR), "", r"got /dev/a \(no serial\), /dev/b \(N1\), expected one; name one"),
        (Bus(a=COMPACT), "N1", r"serial 'N1' among /dev/a"),
    ],
)
def test_none_or_several_are_refused_with_what_to_do(bus: Bus, serial: str, text: str) -> None:
    with pytest.raises(DeviceLostError, match=text):
        SpaceMouse(ARM, SpaceMouseConfig(serial=serial), FakeClock(), bus)


@pytest.mark.parametrize("serial", ["N1", "/dev/b"])
def test_one_of_several_is_named_by_serial_or_path(serial: str) -> None:
    bus = Bus(a=COMPACT, b=NAVIGATOR)
    assert SpaceMouse(ARM, SpaceMouseConfig(serial=serial), FakeClock(), bus).read().alive


def test_two_at_once_read_their_own_and_the_loss_of_one_is_no_stop_of_the_other() -> None:
    bus, clock = Bus(a=COMPACT, b=NAVIGATOR), FakeClock(100.0)
    left, right = (SpaceMouse(ARM, SpaceMouseConfig(serial=serial), clock, bus) for serial in ("/dev/a", "N1"))
    first, second = bus.opened
    first.push((0, -350, 0, 0, 0, 0))
    assert left.read().engaged and not right.read().engaged
    second.push((-350, 0, 0, 0, 0, 0))
    np.testing.assert_allclose(motion(right.read().action)[0], (0, 1, 0), atol=1e-6)
    np.testing.assert_allclose(motion(left.read().action)[0], (1, 0, 0), atol=1e-6)
    first.gone = True
    del bus.entries[b"/dev/a"]
    assert left.read().stopped and right.read().engaged
    clock.advance(1.0)  # it looks for its own again, and does not take the other operator's
    assert not left.read().alive and len(bus.opened) == 2


def test_device_without_permission_is_refused_with_the_rule_that_gives_it() -> None:
    bus = Bus(a=COMPACT)
    bus.forbidden = True
    with pytest.raises(DeviceLostError, match=r"'open failed' from /dev/a.*60-robot-rl-spacemouse\.rules"):
        SpaceMouse(ARM, clock=FakeClock(), hid=bus)


def test_settings_come_as_texts_and_wrong_ones_are_refused() -> None:
    read = from_text(SpaceMouseConfig, {"buttons": '["success", "failure"]', "speed": "0.3"})
    assert read.buttons == ("success", "failure") and read.speed == 0.3
    with pytest.raises(UnknownNameError, match="'success'"):
        SpaceMouseConfig(buttons=("sucess",))
    with pytest.raises(ConfigError, match="dead_band"):
        SpaceMouseConfig(dead_band=1.0)
    with pytest.raises(ConfigError, match="got stop without clear"):
        SpaceMouseConfig(buttons=("stop", "success"))


@given(st.lists(st.binary(max_size=16), max_size=8))
def test_no_report_whatever_is_in_it_gives_more_than_full_deflection(reports: list[bytes]) -> None:
    state = SpaceMouseReports()
    for report in reports:
        state.take(report)
    assert np.abs(state.axes).max() <= 1.0 and 0 <= state.buttons < 2**32


def test_real_hidapi_lists_the_devices_of_this_computer() -> None:
    pytest.importorskip("hid")
    from robot_rl.teleop.devices.spacemouse import HidApi, spacemice

    assert isinstance(spacemice(HidApi()), list)
    with pytest.raises(OSError, match="open failed"):
        HidApi().open(b"/dev/no-such-device")
