"""`doctor teleop`: the devices of this computer, and one of them live."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import Episode, make_format
from robot_rl.doctor import teleop
from robot_rl.teleop.device import DeviceState
from robot_rl.testing import FakeClock, Playback
from tests.data.camera_episodes import camera_episode
from tests.domains import domain_id

ACTION = np.array([0.5, -1.0, 0.0, 0.0, 0.0, 0.25, 1.0], np.float32)


def text_of(state: DeviceState, given: list[str]) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(teleop.table(state, teleop.LAYOUT, given, 1_500_000))
    return capture.get()


def test_table_shows_axes_engagement_labels_and_the_time_of_a_read() -> None:
    text = text_of(DeviceState(ACTION, engaged=True), ["success", "undo"])
    rows = dict(line.strip().split(None, 1) for line in text.splitlines() if line.strip())
    assert rows["engaged"].startswith("YES") and rows["stop"].startswith("no") and rows["device"].startswith("alive")
    assert "|=====      +0.50" in text and "==========|           -1.00" in text and "success, undo" in text
    assert rows["gripper"].startswith("|========== +1.00") and "1.50 ms" in text


def test_table_of_a_lost_device_says_that_it_is_a_stop() -> None:
    text = text_of(DeviceState(estop=True, alive=False), [])
    assert "LOST, which is a stop" in text and "PRESSED" in text and "nothing yet" in text


def test_table_shows_silence_and_what_a_device_says_of_itself() -> None:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(teleop.table(DeviceState(), teleop.LAYOUT, [], 0, "last key b", 312.4))
    assert "312 ms ago" in capture.get() and "last key b" in capture.get()


@pytest.mark.parametrize("alive", [True, False])
def test_watch_ends_with_its_time_and_says_whether_the_device_was_there(alive: bool) -> None:
    device = Playback([DeviceState(ACTION)] * 5 + [DeviceState(alive=alive)] * 1000)
    clock = FakeClock(10.0)
    assert teleop.watch(device, teleop.LAYOUT, clock, seconds=2.0) == alive
    assert clock.now_s() == pytest.approx(12.0, abs=0.1)


def test_devices_are_listed_or_said_to_be_missing() -> None:
    names = [finding.name for finding in teleop.devices()]
    assert sorted(set(names)) == ["gamepad", "pedal", "spacemouse"]


def test_recorded_episodes_are_shown_as_a_device(tmp_path: Path) -> None:
    action = np.zeros(7, np.float32)
    steps, meta = camera_episode(3)
    steps = [replace(step, action=action, policy_action=action, human_action=action) for step in steps]
    make_format("episodes").write(tmp_path, Episode(steps, meta))
    assert teleop.check("playback", seconds=0.1, settings={"episodes": str(tmp_path)}) == 0


@pytest.mark.dds
@pytest.mark.slow
def test_device_on_a_topic_that_is_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain_id("doctor teleop")))
    assert teleop.check("pose", seconds=0.1, namespace="left") == 1


def test_device_that_needs_an_arm_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs an arm"):
        teleop.check("expert", seconds=0.1)
