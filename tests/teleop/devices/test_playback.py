"""Recorded episodes as a device."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.clock import SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import make_format
from robot_rl.teleop.device import DeviceState, watch
from robot_rl.teleop.devices import DeviceContext, open_device
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.playback import PlaybackDevice, RecordedMotion
from tests.data.camera_episodes import camera_episode

ARM = arm_layout(StateEntry("state", 24))


def nothing() -> None:
    raise AssertionError("not needed")


def opened(folder: Path | str, size: int = 3, **settings: str) -> PlaybackDevice:
    layout = type("Layout", (), {"size": size})()
    context = DeviceContext(layout, np.random.default_rng(0), SystemClock(), nothing, nothing, nothing)
    return open_device("playback", {"episodes": str(folder), **settings}, context)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    for number, length in enumerate((3, 5)):
        make_format("episodes").write(tmp_path / "demos", camera_episode(length, success=number == 0, episode=number))
    return tmp_path / "demos"


def played(device: PlaybackDevice, reads: int) -> list[DeviceState]:
    device.reset()
    return [device.read() for _ in range(reads)]


def test_episodes_are_played_one_after_the_other_and_then_anew(recorded: Path) -> None:
    device = opened(recorded)
    for length in (3, 5, 3):
        states = played(device, 7)
        assert [state.engaged for state in states] == [True] * length + [False] * (7 - length)
        np.testing.assert_array_equal(states[0].action, np.array([0.3, -0.2, 1.0], np.float32))
        assert not any(state.labels for state in states)


def test_chosen_episodes_are_labelled_with_their_results_where_asked(recorded: Path) -> None:
    device = opened(recorded, only="[1, 0]", labels="true")
    for length, label in ((5, "failure"), (3, "success")):
        assert [state.labels for state in played(device, 6)] == [()] * (length - 1) + [(label,)] + [()] * (6 - length)


def ramp(length: int) -> RecordedMotion:
    return RecordedMotion(np.arange(length, dtype=np.float32)[:, None] / 10, True)


def test_supervision_between_steps_does_not_advance_it() -> None:
    device = PlaybackDevice([ramp(3)])
    device.reset()
    for i in range(3):
        assert not watch(device).engaged and not watch(device).engaged
        assert device.read().action[0] == pytest.approx(i / 10)


def test_sender_that_reads_five_times_a_step_plays_at_the_recorded_speed() -> None:
    device = PlaybackDevice([ramp(3)], labels=True, reads_a_step=5.0)
    states = played(device, 17)
    assert [round(10 * float(state.action[0])) for state in states[:15]] == [0] * 5 + [1] * 5 + [2] * 5
    assert [bool(state.labels) for state in states] == [False] * 14 + [True] + [False] * 2 and not states[15].engaged


def test_it_waits_while_the_dead_man_beside_it_is_released() -> None:
    class Grip(PlaybackDevice):
        held = True

        def read(self, proposed: np.ndarray | None = None) -> DeviceState:
            return DeviceState(engaged=self.held)

    grip, seen = Grip([ramp(1)]), []
    both = EnabledDevice(grip, PlaybackDevice([ramp(4)]))
    both.reset()
    for held in (False, True, False, False, True, True):
        grip.held = held
        state = both.read()
        assert state.engaged is held
        seen.append(None if state.action is None else round(10 * float(state.action[0])))
    assert seen == [None, 0, None, None, 1, 2]


@pytest.mark.parametrize(
    ("settings", "size", "text"),
    [
        ({}, 7, "got actions of 3 numbers in .*expected 7"),
        ({"only": "[2]"}, 3, "expected numbers of 0 to 1"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(recorded: Path, settings: dict[str, str], size: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        opened(recorded, size, **settings)


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_folder_without_recordings_is_refused(folder: str) -> None:
    with pytest.raises(ConfigError, match=r"add --human\.settings episodes"):
        opened(folder)
