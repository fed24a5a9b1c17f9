"""The keyboard, through a real pseudo-terminal, as over ssh."""

import os
import select
import subprocess
import sys
import termios
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.core.action_layout import TRANSLATION, ActionLayout, Continuous, StateEntry, arm_layout
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import gripper_down, rot_z, rotation_log
from robot_rl.core.tasks import ArmTask, StartRegion, Workspace
from robot_rl.envs.action import move_target
from robot_rl.teleop.devices.keyboard import AXES, SPEED_MIN, Keyboard, KeyboardConfig, Keys
from robot_rl.teleop.engagement import EngageConfig
from robot_rl.teleop.terminal import SEQUENCE_S, KeyDecoder
from robot_rl.testing import FakeClock
from tests.processes import launched

ARM = arm_layout(StateEntry("state", 24))


class Terminal:
    """The far end of a pseudo-terminal: a person typing."""

    def __init__(self) -> None:
        self.far, self.near = os.openpty()

    def type(self, text: str) -> None:
        os.write(self.far, text.encode())
        assert select.select([self.near], [], [], 5.0)[0]  # until the kernel has passed it on

    def hang_up(self) -> None:
        os.close(self.far)
        self.far = -1

    def close(self) -> None:
        for fd in (self.far, self.near):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


@pytest.fixture
def keyboard(terminal: Terminal, clock: FakeClock) -> Iterator[Keyboard]:
    with Keyboard(ARM, terminal=terminal.near, clock=clock) as keyboard:
        yield keyboard


@pytest.mark.parametrize("key", sorted(AXES))
def test_each_motion_key_moves_its_axis_and_engages(key: str, terminal: Terminal, keyboard: Keyboard) -> None:
    terminal.type(key)
    state = keyboard.read()
    part, component, _ = AXES[key]
    axis = ARM.slices[part].start + component
    assert state.engaged and state.alive
    assert np.flatnonzero(state.action).tolist() == [axis]
    assert abs(state.action[axis]) == (1.0 if axis == 6 else 0.5)


HELPED = {  # key -> where the help says it goes, in the base: x forward, y left, z up
    "w": (1, 0, 0), "s": (-1, 0, 0), "a": (0, 1, 0), "d": (0, -1, 0), "r": (0, 0, 1), "f": (0, 0, -1),
    "\x1b[A": (1, 0, 0), "\x1b[B": (-1, 0, 0), "\x1bOD": (0, 1, 0), "\x1bOC": (0, -1, 0),
}  # fmt: skip
TURNED = {"l": (1, 0, 0), "j": (-1, 0, 0), "i": (0, 1, 0), "k": (0, -1, 0), "q": (0, 0, 1), "e": (0, 0, -1)}


@pytest.mark.parametrize("yaw_rad", [0.0, 0.7, -1.2])
@pytest.mark.parametrize("key", [*HELPED, *TURNED])
def test_arm_moves_where_the_help_says_turned_with_the_gripper(key, yaw_rad, terminal, keyboard) -> None:
    terminal.type(key)
    workspace = Workspace((-1.0,) * 3, (1.0,) * 3, tilt_rad=1.0, yaw_rad=3.0)
    arm = ArmTask(workspace, StartRegion((0.0, 0.0, 0.0)))
    start = gripper_down(np.zeros(3), yaw_rad)
    moved = move_target(arm, start, start, *np.float64(keyboard.read().action[:6]).reshape(2, 3))
    gone = moved.p / (0.5 * arm.action.step_m)
    turned = rotation_log(moved.R @ start.R.T) / (0.5 * arm.action.step_rad)
    R_base_operator = rot_z(yaw_rad)
    np.testing.assert_allclose(gone, R_base_operator @ HELPED.get(key, (0, 0, 0)), atol=1e-6)
    np.testing.assert_allclose(turned, R_base_operator @ TURNED.get(key, (0, 0, 0)), atol=1e-6)


def test_press_moves_for_a_while_and_engagement_lasts_longer(terminal, keyboard, clock) -> None:
    terminal.type("w")
    keyboard.read()
    clock.advance(0.19)
    assert keyboard.read().action.any()
    clock.advance(0.02)
    still = keyboard.read()
    assert still.engaged and not still.action.any()
    clock.advance(0.7)
    assert not keyboard.read().engaged


def test_arrows_arrive_even_when_their_sequence_is_torn(terminal, keyboard) -> None:
    terminal.type("\x1b")
    assert not keyboard.read().action.any()
    terminal.type("[A")
    assert keyboard.read().action[0] == 0.5
    terminal.type("\x1b[C")
    assert keyboard.read().action[1] == 0.5


STRAY = {
    "F1": "\x1bOP", "F3": "\x1bOR", "F4": "\x1bOS", "F5": "\x1b[15~", "F1 on the console": "\x1b[[A", "End": "\x1b[F",
    "Home in application mode": "\x1bOH", "Shift-Up": "\x1b[1;2A", "Alt-Up": "\x1b\x1b[A", "focus in": "\x1b[I",
    "focus out": "\x1b[O", "Alt-w": "\x1bw", "Alt-Enter": "\x1b\r", "keypad Enter": "\x1bOM", "keypad 8": "\x1bOx",
    "mouse": "\x1b[M dx", "mouse, SGR": "\x1b[<0;12;3M", "paste": "\x1b[200~\x1b[201~",
    "colour reply": "\x1b]11;rgb:ffff/dddd/aaaa\x1b\\", "title reply": "\x1b]lrfd x\x07", "attributes": "\x1b[?64;1;2c",
    "cursor reply": "\x1b[24;80R", "letters of other languages": "öäüß",
}  # fmt: skip


@pytest.mark.parametrize("name", STRAY)
@pytest.mark.parametrize("torn", [False, True])
def test_what_is_no_key_does_nothing_in_however_many_pieces_it_comes(name, torn, terminal, keyboard, clock) -> None:
    for piece in STRAY[name].encode() if torn else [STRAY[name].encode()]:
        os.write(terminal.far, bytes([piece]) if torn else piece)
        state = keyboard.read()
        assert not state.action.any() and not state.engaged and not state.labels and not state.estop
    terminal.type("w")
    clock.advance(2 * SEQUENCE_S)
    assert keyboard.read().action[0] == 0.5


@settings(deadline=None)
@given(st.lists(st.sampled_from([*STRAY.values(), "w", "d", "\n"]), max_size=8), st.data())
def test_keys_among_sequences_are_found_wherever_the_reads_are_split(pieces, data) -> None:
    typed = "".join(pieces).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(typed)), max_size=6)))
    decoder, keys = KeyDecoder(), []
    for begin, end in zip([0, *cuts], [*cuts, len(typed)], strict=True):
        keys += decoder.decode(typed[begin:end], 0)
    assert [key for key in keys if key.isascii()] == [piece for piece in pieces if piece in ("w", "d", "\n")]


def test_escape_alone_is_forgotten_after_a_moment(terminal, keyboard, clock) -> None:
    terminal.type("\x1b")
    assert not keyboard.read().engaged
    clock.advance(1.5 * SEQUENCE_S)
    keyboard.read()
    terminal.type("d")
    assert keyboard.read().action[1] == 0.5


@pytest.mark.parametrize("begun", ["\x1b]", "\x1bP", "\x1b[1;", "\x1b]ddd"])
def test_stop_is_not_swallowed_by_a_sequence_that_never_ends(begun, terminal, keyboard, clock) -> None:
    terminal.type(begun)
    keyboard.read()
    terminal.type("x")
    stopped = keyboard.read().estop
    clock.advance(1.1 * SEQUENCE_S)
    assert stopped or keyboard.read().estop


@pytest.mark.parametrize("keys", ["x", "X", "\x1bx", "ww\x1b[Ax"])
def test_stop_key_stops_whatever_came_before_until_cleared(keys, terminal, keyboard) -> None:
    terminal.type(keys)
    assert keyboard.read().estop and keyboard.read().estop
    terminal.type("c")
    assert not keyboard.read().estop


def test_labels_come_once_and_in_order(terminal, keyboard) -> None:
    terminal.type("\nut\x7f")
    assert keyboard.read().labels == ("success", "undo", "stage", "failure")
    assert keyboard.read().labels == ()


def test_speed_keys_scale_motion_within_bounds(terminal, keyboard) -> None:
    terminal.type("+" * 20 + "w")
    assert keyboard.read().action[0] == 1.0
    terminal.type("-" * 40 + "w")
    assert keyboard.read().action[0] == pytest.approx(SPEED_MIN)


def test_fine_key_moves_a_tenth_as_fast_and_leaves_the_gripper(terminal, keyboard) -> None:
    terminal.type("zwo")
    action = keyboard.read().action
    assert (action[0], action[6]) == (pytest.approx(0.05), 1.0)
    terminal.type("zw")
    assert keyboard.read().action[0] == pytest.approx(0.5)


def test_ready_comes_once(terminal, keyboard) -> None:
    terminal.type("n")
    assert [keyboard.read().ready for _ in range(2)] == [True, False]


def test_save_comes_once_and_is_not_lost_to_the_begin_of_an_episode(terminal, keyboard) -> None:
    terminal.type("v")
    assert (keyboard.read().save, keyboard.read().save) == (True, False)
    terminal.type("v")
    keyboard.reset()
    assert (keyboard.read().save, keyboard.read().save) == (True, False)


def test_space_toggles_once_per_press_although_the_key_repeats(terminal, clock) -> None:
    config = KeyboardConfig(engage=EngageConfig("toggle"))
    with Keyboard(ARM, config=config, terminal=terminal.near, clock=clock) as keyboard:
        terminal.type(" ")
        assert keyboard.read().engaged
        clock.advance(0.5)
        terminal.type(" ")  # the terminal's repeat of the same press
        assert keyboard.read().engaged
        clock.advance(1.0)
        assert keyboard.read().engaged
        terminal.type(" ")
        assert not keyboard.read().engaged


def test_new_episode_forgets_keys_pressed_before(terminal, keyboard) -> None:
    terminal.type("w")
    keyboard.read()
    keyboard.reset()
    assert not keyboard.read().action.any()


def test_new_episode_forgets_what_was_typed_while_the_arm_drove_to_its_start_but_the_stop(terminal, keyboard) -> None:
    terminal.type("w \n\nu")
    keyboard.reset()
    state = keyboard.read()
    assert not state.action.any() and state.labels == () and not state.estop
    terminal.type("\nx\n")
    keyboard.reset()
    state = keyboard.read()
    assert state.estop and state.labels == ()


def test_axes_that_the_action_lacks_do_nothing(terminal, clock) -> None:
    with Keyboard(ActionLayout((Continuous(TRANSLATION, 2),)), terminal=terminal.near, clock=clock) as keyboard:
        terminal.type("gra")
        np.testing.assert_array_equal(keyboard.read().action, [0.0, -0.5])


def test_hang_up_makes_the_device_dead_and_releases_it(terminal, keyboard) -> None:
    terminal.type("w")
    assert keyboard.read().engaged
    terminal.hang_up()
    state = keyboard.read()
    assert not state.alive and not state.engaged
    keyboard.close()


def test_terminal_is_given_back_as_it_was_and_ctrl_c_keeps_working(terminal, clock) -> None:
    before = termios.tcgetattr(terminal.near)
    keyboard = Keyboard(ARM, terminal=terminal.near, clock=clock)
    during = termios.tcgetattr(terminal.near)
    assert not during[3] & (termios.ECHO | termios.ICANON) and during[3] & termios.ISIG
    keyboard.close()
    keyboard.close()
    assert termios.tcgetattr(terminal.near) == before


LAUNCHED = """
import os, sys, time
os.open(sys.argv[1], os.O_RDWR)  # the first terminal that a new session opens becomes its own
from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.teleop.devices.keyboard import SPEED_MIN, Keyboard
before = len(os.listdir("/proc/self/fd"))
keyboard = Keyboard(arm_layout(None))
print(len(os.listdir("/proc/self/fd")) - before, flush=True)
while not keyboard.read().action.any():
    time.sleep(0.01)
keyboard.close()
print(len(os.listdir("/proc/self/fd")) - before, keyboard.read().alive)
"""


def test_own_terminal_is_read_without_standard_input_and_closed_again(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.near)
    command = [sys.executable, "-c", LAUNCHED, os.ttyname(terminal.near)]
    with launched(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        os.write(terminal.far, b"w")
        assert process.stdout.read() == "0 False\n"
    assert termios.tcgetattr(terminal.near) == before


def test_input_that_is_no_terminal_is_refused() -> None:
    near, far = os.pipe()
    with pytest.raises(ConfigError, match=r"is no terminal, expected one; run it in a terminal, over ssh with -t"):
        Keyboard(ARM, terminal=near)
    os.close(near)
    os.close(far)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="speed: got 0"):
        KeyboardConfig(speed=0.0)
    with pytest.raises(ConfigError, match="hold_s: got 0"):
        KeyboardConfig(hold_s=0.0)


def test_keys_beside_another_device_label_and_stop_and_never_move(terminal: Terminal, clock: FakeClock) -> None:
    with Keys(ARM, terminal=terminal.near, clock=clock) as keys:
        terminal.type("w \n")
        state = keys.read()
        assert state.action is None and not state.engaged and state.labels == ("success",)
        terminal.type("wxn")
        state = keys.read()
        assert state.estop and state.ready and not Keys.moves and not Keys.enables
