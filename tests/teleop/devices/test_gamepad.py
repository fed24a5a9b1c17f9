"""The gamepad, through the real SDL and its virtual controllers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from robot_rl.core.action_layout import ROTATION, TRANSLATION, StateEntry, arm_layout
from robot_rl.core.errors import ConfigError, DeviceLostError, UnknownNameError
from robot_rl.core.pose import GRIPPER_DOWN
from robot_rl.core.settings import from_text
from robot_rl.teleop.devices.gamepad import AXES, BUTTONS, Gamepad, GamepadConfig, SdlPads
from robot_rl.testing import FakeClock

pytest.importorskip("sdl2")
ARM = arm_layout(StateEntry("state", 24))


class VirtualPad:
    """A pad that SDL believes in; a person holds it."""

    def __init__(self, sdl: Any) -> None:
        self._sdl = sdl
        self.plug()

    def plug(self) -> None:
        sdl = self._sdl
        self.index = sdl.SDL_JoystickAttachVirtual(sdl.SDL_JOYSTICK_TYPE_GAMECONTROLLER, len(AXES), len(BUTTONS), 0)
        assert self.index >= 0, sdl.SDL_GetError()
        self._joystick = sdl.SDL_JoystickOpen(self.index)
        for trigger in (4, 5):
            sdl.SDL_JoystickSetVirtualAxis(self._joystick, trigger, -32768)

    def unplug(self) -> None:
        self._sdl.SDL_JoystickDetachVirtual(self.index)
        self._sdl.SDL_JoystickClose(self._joystick)

    def hold(self, *buttons: str) -> None:
        for i, name in enumerate(BUTTONS):
            self._sdl.SDL_JoystickSetVirtualButton(self._joystick, i, int(name in buttons))

    def push(self, **axes: float) -> None:
        for i, name in enumerate(AXES[:4]):
            self._sdl.SDL_JoystickSetVirtualAxis(self._joystick, i, round(32767 * axes.get(name, 0.0)))

    def pull(self, trigger: int, share: float) -> None:
        self._sdl.SDL_JoystickSetVirtualAxis(self._joystick, 4 + trigger, round(65535 * share) - 32768)


@pytest.fixture
def pads() -> SdlPads:
    return SdlPads()


@pytest.fixture
def pad(pads: SdlPads) -> Iterator[VirtualPad]:
    virtual = VirtualPad(pads._sdl)
    yield virtual
    virtual.unplug()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


@pytest.fixture
def gamepad(pads: SdlPads, pad: VirtualPad, clock: FakeClock) -> Iterator[Gamepad]:
    gamepad = Gamepad(ARM, GamepadConfig(speed=1.0), clock, pads)
    yield gamepad
    gamepad.close()


DIRECTIONS: dict[str, tuple[dict[str, float], str, tuple[int, ...], tuple[int, ...]]] = {
    "left stick forward": ({"lefty": -1.0}, "", (1, 0, 0), (0, 0, 0)),
    "left stick left": ({"leftx": -1.0}, "", (0, 1, 0), (0, 0, 0)),
    "right stick forward": ({"righty": -1.0}, "", (0, 0, 1), (0, 0, 0)),
    "right stick left": ({"rightx": -1.0}, "", (0, 0, 0), (0, 0, 1)),
    "pad up": ({}, "dpup", (0, 0, 0), (0, 1, 0)),
    "pad right": ({}, "dpright", (0, 0, 0), (1, 0, 0)),
}


@pytest.mark.parametrize("hand", DIRECTIONS)
def test_sticks_move_the_tool_as_the_help_says(hand: str, gamepad: Gamepad, pad: VirtualPad) -> None:
    axes, button, translation, rotation = DIRECTIONS[hand]
    pad.push(**axes)
    pad.hold("rightshoulder", button)
    state = gamepad.read()
    assert state.engaged and state.alive and state.action is not None
    parts = [GRIPPER_DOWN @ state.action[ARM.slices[name]] for name in (TRANSLATION, ROTATION)]
    np.testing.assert_allclose(parts, (translation, rotation), atol=1e-3)


def test_sticks_alone_do_not_engage_and_letting_go_of_the_shoulder_releases(gamepad: Gamepad, pad: VirtualPad) -> None:
    pad.push(lefty=-1.0)
    assert not gamepad.read().engaged
    pad.hold("rightshoulder")
    assert gamepad.read().engaged
    pad.hold()
    assert not gamepad.read().engaged


def test_stick_in_its_dead_band_moves_nothing_and_the_left_shoulder_is_slow(gamepad: Gamepad, pad: VirtualPad) -> None:
    pad.push(leftx=0.14, lefty=-0.14)
    assert not gamepad.read().action.any()
    pad.push(lefty=-1.0)
    pad.hold("leftshoulder")
    assert np.abs(gamepad.read().action).max() == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize(("trigger", "level"), [(0, -1.0), (1, 1.0)])
def test_triggers_close_and_open_the_gripper(trigger: int, level: float, gamepad: Gamepad, pad: VirtualPad) -> None:
    pad.pull(trigger, 0.3)
    assert gamepad.read().action[-1] == 0.0
    pad.pull(trigger, 0.9)
    assert gamepad.read().action[-1] == level


def test_buttons_label_once_a_press(gamepad: Gamepad, pad: VirtualPad) -> None:
    given = []
    for button in ("a", "b", "x", "y", "start"):
        pad.hold(button)
        states = [gamepad.read(), gamepad.read()]
        given += [label for state in states for label in state.labels]
        assert [state.ready for state in states] == [button == "start", False]
    assert given == ["success", "failure", "undo", "stage"]


def test_labels_before_an_episode_do_not_count_and_a_stop_does(gamepad: Gamepad, pad: VirtualPad) -> None:
    pad.hold("a", "back")
    gamepad.reset()
    state = gamepad.read()
    assert state.labels == () and state.estop
    pad.hold("leftstick")
    assert gamepad.read().cleared and not gamepad.read().estop


def test_unplugged_pad_is_a_stop_and_comes_back(gamepad: Gamepad, pad: VirtualPad, clock: FakeClock) -> None:
    pad.hold("rightshoulder")
    assert gamepad.read().engaged
    pad.unplug()
    lost = gamepad.read()
    assert lost.stopped and not lost.engaged and not lost.action.any()
    clock.advance(1.0)
    assert not gamepad.read().alive
    pad.plug()
    clock.advance(1.0)
    state = gamepad.read()
    assert state.alive and not state.engaged


def test_pad_that_is_not_there_is_refused(pads: SdlPads) -> None:
    with pytest.raises(DeviceLostError, match="gamepad 0: got none, expected it; plug it in"):
        Gamepad(ARM, clock=FakeClock(), pads=pads)


def test_buttons_are_named_by_the_settings(pads: SdlPads, pad: VirtualPad) -> None:
    settings = from_text(GamepadConfig, {"buttons": '{"a": "stop"}'})
    gamepad = Gamepad(ARM, settings, FakeClock(), pads)
    assert settings.buttons["b"] == "failure", "the others stay"
    pad.hold("a")
    assert gamepad.read().estop
    with pytest.raises(UnknownNameError, match="'lefttrigger'"):
        GamepadConfig(buttons={"lefttriger": "close"})
    with pytest.raises(ConfigError, match="dead_band"):
        GamepadConfig(dead_band=1.0)
