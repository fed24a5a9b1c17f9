"""Instructions to a person name the keys and buttons of the devices at hand, and no others."""

import os
from collections.abc import Iterator

import pytest

from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.runtime.acting.go import await_ready, await_release
from robot_rl.runtime.acting.recent_steps import SavingDevice
from robot_rl.runtime.acting.recording_screen import charge_text
from robot_rl.teleop.arbiter import ControlAuthority
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices.browser import BesidePage, Browser, BrowserInput
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.keyboard import Keyboard
from robot_rl.teleop.instructions import clear_text, go_text, missing_text
from robot_rl.testing import FakeClock, Playback

LAYOUT = arm_layout(StateEntry("state", 24))


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    leader, terminal = os.openpty()
    with Keyboard(LAYOUT, terminal=terminal, clock=FakeClock()) as keyboard:
        yield keyboard
    os.close(leader)
    os.close(terminal)


@pytest.fixture
def page() -> Browser:
    return Browser(BrowserInput(FakeClock()), LAYOUT)


def test_keyboard_alone_is_asked_for_its_keys(keyboard: Keyboard) -> None:
    assert (go_text(SavingDevice(keyboard)), clear_text(keyboard)) == ("press n", "press c")


def test_page_alone_is_asked_for_its_buttons(page: Browser) -> None:
    assert "Go on the page" in go_text(page) and "open the page" in missing_text(page)


def test_page_beside_a_keyboard_names_both(keyboard: Keyboard, page: Browser) -> None:
    assert go_text(SavingDevice(BesidePage(keyboard, page))) == "press n, or press Go on the page (n)"


def test_key_of_two_devices_is_named_once(keyboard: Keyboard) -> None:
    assert go_text(EnabledDevice(keyboard, keyboard)) == "press n"


def test_device_elsewhere_is_named_in_general() -> None:
    device = Playback([])
    assert "at your device" in go_text(device) and "plugged in" in missing_text(device)


def test_prompts_name_what_the_keyboard_has(keyboard: Keyboard, capsys: pytest.CaptureFixture[str]) -> None:
    class Person(Playback):
        devices = (keyboard,)

    stopped = DeviceState(estop=True)
    await_ready(Person([DeviceState(), stopped, DeviceState(ready=True)]), FakeClock(), "Set the scene.")
    await_release(Person([stopped, DeviceState()]), FakeClock())
    output = capsys.readouterr().out
    assert "Set the scene. Then press n." in output and output.count("Clear the stop first: press c.") == 2
    assert "page" not in output and "pendant" not in output


def test_status_of_a_stop_says_how_to_clear_it_or_what_is_missing(page: Browser) -> None:
    stop = ControlAuthority.ESTOP
    assert charge_text(stop, page).startswith("EMERGENCY STOP: hold the page's button")
    assert charge_text(stop, page, DeviceState(alive=False)) == "Waiting for a browser: open the page by its link."
    assert charge_text(ControlAuthority.HUMAN, page) == "you"


def test_status_says_to_let_go_where_a_hold_does_not_count(page: Browser) -> None:
    held = DeviceState(engaged=True)
    assert charge_text(ControlAuthority.IDLE, page, held) == "nothing moves it: let go, then press again"
    assert charge_text(ControlAuthority.IDLE, page, DeviceState()) == "nothing moves it"
