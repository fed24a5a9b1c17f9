"""A real arm's episode starts when a person says so by their device, and never by itself."""

from collections.abc import Iterable

import pytest

from robot_rl.build_graph import refuse_without_a_person
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.acting.go import await_ready, await_release
from robot_rl.teleop.device import DeviceState
from robot_rl.testing import FakeClock, Playback

READY, STOPPED, QUIET = DeviceState(ready=True), DeviceState(estop=True, ready=True), DeviceState()


def waited_s(states: Iterable[DeviceState]) -> tuple[float, tuple[str, ...]]:
    clock = FakeClock()
    labels: list[str] = []
    await_ready(Playback(states), clock, "set the scene.", hear=labels.extend)
    return clock.now_s(), tuple(labels)


def test_it_waits_as_long_as_the_person_needs() -> None:
    assert waited_s([QUIET] * 1000 + [READY])[0] == pytest.approx(50.0, abs=0.1)


def test_what_was_said_before_the_prompt_does_not_start_it() -> None:
    assert waited_s([READY, *[QUIET] * 20, READY])[0] == pytest.approx(1.0)


def test_nothing_starts_while_a_stop_is_pressed() -> None:
    assert waited_s([QUIET, STOPPED, DeviceState(alive=False, ready=True), READY])[0] == pytest.approx(0.1)


def test_arm_stays_while_a_stop_is_latched_and_the_person_is_asked_to_clear_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = FakeClock()
    undo = DeviceState(estop=True, labels=("undo",))
    labels: list[str] = []
    await_release(Playback([undo, *[STOPPED] * 100, QUIET, READY]), clock, hear=labels.extend)
    assert labels == ["undo"]
    assert clock.now_s() == pytest.approx(101 * 0.05) and "Clear the stop" in capsys.readouterr().out


def test_labels_before_the_prompt_count_and_later_ones_take_away_only() -> None:
    both = DeviceState(labels=("success", "failure"))
    assert waited_s([both, both, READY])[1] == ("success", "failure", "failure")


def test_without_a_persons_device_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got no person's device, expected one for 'set the scene.'"):
        refuse_without_a_person("set the scene.")
