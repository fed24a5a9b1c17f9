"""The operator's prompt, on a real pseudo-terminal."""

import contextlib
import os
import select
import termios
import threading

import pytest

from robot_rl.core.action_layout import arm_layout
from robot_rl.core.errors import DeviceLostError
from robot_rl.teleop.devices.keyboard import Keyboard
from robot_rl.teleop.terminal import prompt
from robot_rl.testing import FakeClock


class Prompted:
    """A prompt in a thread of its own, and what it showed."""

    def __init__(self, near: int) -> None:
        self.lines: list[str] = []
        self.shown = threading.Event()
        self.error: Exception | None = None
        self._near = near
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.shown.wait(60.0)

    def _run(self) -> None:
        try:
            prompt("set the scene.", self._near, self._show, FakeClock().now_ns)
        except DeviceLostError as error:
            self.error = error

    def _show(self, line: str) -> None:
        self.lines.append(line)
        self.shown.set()

    def returned(self, within_s: float = 5.0) -> bool:
        self.thread.join(within_s)
        return not self.thread.is_alive()


@pytest.fixture
def ends():
    far, near = os.openpty()
    yield far, near
    for fd in (far, near):
        with contextlib.suppress(OSError):
            os.close(fd)


def test_enter_typed_ahead_neither_answers_the_prompt_nor_becomes_a_label(ends) -> None:
    far, near = ends
    with Keyboard(arm_layout(None), terminal=near, clock=FakeClock(100.0)) as keyboard:
        os.write(far, b"\n\n\n")
        assert select.select([near], [], [], 5.0)[0]
        prompted = Prompted(near)
        assert not prompted.returned(0.1)
        os.write(far, b"w\x1bOMd\n")  # keypad Enter in application mode is a sequence; Enter comes last
        assert prompted.returned()
        keyboard.reset()
        state = keyboard.read()
        assert state.labels == () and not state.action.any()
    assert prompted.lines == ["set the scene. Press Enter."]


def test_stop_pressed_at_the_prompt_holds_it_until_cleared(ends) -> None:
    far, near = ends
    prompted = Prompted(near)
    os.write(far, b"x\n\n")
    assert not prompted.returned(0.1)
    os.write(far, b"c\n")
    assert prompted.returned()
    assert prompted.lines[1:] == ["Stopped: press c, then Enter.", "set the scene. Press Enter."]


def test_terminal_is_as_before_after_the_prompt(ends) -> None:
    far, near = ends
    before = termios.tcgetattr(near)
    prompted = Prompted(near)
    os.write(far, b"\r")
    assert prompted.returned()
    assert termios.tcgetattr(near) == before


def test_terminal_that_goes_away_ends_the_prompt(ends) -> None:
    far, near = ends
    prompted = Prompted(near)
    os.close(far)
    assert prompted.returned() and isinstance(prompted.error, DeviceLostError)
