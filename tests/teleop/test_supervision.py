"""A device's stop reaches the controllers while its program waits, and only the person's clear releases them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controllers.ros import from_ros, graph
from controllers.ros.stops import StopReport
from robot_rl.core.clock import SystemClock
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.supervision import StopSender, SupervisedDevice
from robot_rl.testing import FakeClock, Playback
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.waiting import eventually


def at_once(job: Callable[[], None]) -> None:
    job()


class Reports:
    """What a sender reports, and the services that it calls."""

    def __init__(self) -> None:
        self.wire = MemoryWire(Graph(FakeClock(1.0)), "left")
        self.sender = StopSender(self.wire, "teleop", at_once)
        self.heard: list[StopReport] = []
        self.asked: list[str] = []
        self.recovered = (True, "released")
        self.wire.subscribe(graph.STOP, lambda message: self.heard.append(from_ros.stop_report_of(message)))
        self.wire.serve(graph.RECOVER, lambda request: self.asked.append("recover") or self.recovered)
        self.wire.serve(graph.ENABLE, lambda request: self.asked.append(f"enable {request.data}") or (True, "tracks"))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (DeviceState(), ""),
        (DeviceState(estop=True), "stop pressed"),
        (DeviceState(alive=False), "device lost"),
        (DeviceState(alive=False, estop=True), "device lost"),
    ],
)
def test_every_state_is_reported_under_one_name(state: DeviceState, why: str) -> None:
    reports = Reports()
    for _ in range(2):
        reports.sender.send(state)
    assert [report.why for report in reports.heard] == [why, why] and not reports.asked
    assert len({report.source for report in reports.heard}) == 1 and reports.heard[0].source.startswith("left/teleop-")


def test_a_clear_is_counted_and_releases_the_controller_unless_it_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    reports = Reports()
    reports.sender.send(DeviceState(cleared=True))
    assert reports.asked == ["recover", "enable True"] and capsys.readouterr().out == "released\ntracks\n"
    reports.recovered = (False, "still stopped")
    reports.sender.send(DeviceState(cleared=True))
    assert "enable True" not in reports.asked[2:] and [report.clears for report in reports.heard] == [1, 2]


def test_a_clear_of_a_device_that_still_stops_counts_for_nothing() -> None:
    reports = Reports()
    for state in (DeviceState(cleared=True, estop=True), DeviceState(cleared=True, alive=False)):
        reports.sender.send(state)
    assert [report.clears for report in reports.heard] == [0, 0] and not reports.asked


def test_a_supervised_device_keeps_labels_for_the_next_read() -> None:
    reports = Reports()
    states = [DeviceState(labels=("success",)), DeviceState(cleared=True, ready=True), DeviceState(labels=("undo",))]
    device = SupervisedDevice(Playback(states), reports.sender, FakeClock())
    for _ in range(2):
        device.poll()
    state = device.read()
    assert (state.labels, state.cleared, state.ready) == (("success", "undo"), True, True)
    assert (device.read().labels, len(reports.heard)) == ((), 4)


def test_a_supervised_device_reports_while_it_is_not_read_and_leaves_at_the_end() -> None:
    reports = Reports()
    device = SupervisedDevice(Playback([]), reports.sender, SystemClock()).start()
    eventually(lambda: len(reports.heard) > 3, 10.0)
    for _ in range(2):
        device.close()
    assert [report.leaves for report in reports.heard].count(True) == 1 and reports.heard[-1].leaves
