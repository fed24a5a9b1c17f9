"""A device's stop reaches the controllers while its program waits, and only a person's clear releases them."""

from collections.abc import Callable

import pytest

from controllers.ros import from_ros, graph, to_ros
from controllers.ros.diagnostics import Level, StatusReport
from controllers.ros.stops import StopReport, Stops
from robot_rl.core.clock import SystemClock
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.supervision import StopSender, SupervisedDevice, show_stops
from robot_rl.testing import FakeClock, Playback
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.waiting import eventually


def at_once(job: Callable[[], None]) -> None:
    job()


class Reports:
    """What a sender reports to a controller, and the services that it calls."""

    def __init__(self) -> None:
        self.wire = MemoryWire(Graph(FakeClock(1.0)), "left")
        self.heard: list[StopReport] = []
        self.called: list[str] = []
        self.stops, self.mode = Stops(), "ACTIVE"
        self.wire.subscribe(graph.STOP, self._on_report)
        self.wire.serve(graph.RECOVER, lambda request: self.called.append("recover") or (True, "backs off"))
        self.wire.serve(graph.ENABLE, lambda request: self.called.append(f"enable {request.data}") or (True, "tracks"))
        self.sender = StopSender(self.wire, "teleop", at_once)

    def _on_report(self, message: object) -> None:
        self.heard.append(from_ros.stop_report_of(message))
        self.stops.take(self.heard[-1])
        self.publish_status()

    def publish_status(self) -> None:
        latched = self.stops.latched
        values = (("mode", self.mode), ("held", f"stopped ({self.stops.text()})"), ("stopped by", ", ".join(latched)))
        message = to_ros.status_message(self.wire, StatusReport(Level.OK, "", values), "controller")
        self.wire.publisher(graph.STATUS).publish(message)


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
    assert [report.why for report in reports.heard] == [why, why] and not reports.called
    assert len({report.source for report in reports.heard}) == 1 and reports.heard[0].source.startswith("left/teleop-")


def test_a_clear_lifts_the_devices_own_stop_and_enables_the_arm(capsys: pytest.CaptureFixture[str]) -> None:
    reports = Reports()
    for state in (DeviceState(), DeviceState(estop=True), DeviceState(cleared=True)):
        reports.sender.send(state)
    assert reports.stops.latched == {} and [report.clears for report in reports.heard] == [0, 0, 1]
    assert reports.called == ["enable True"] and capsys.readouterr().out == "tracks\n"


def test_each_change_of_the_stops_in_force_is_shown_once() -> None:
    reports, shown = Reports(), list[str]()
    show_stops(reports.wire, shown.append)
    for state in (DeviceState(), DeviceState(estop=True), DeviceState(estop=True), DeviceState(cleared=True)):
        reports.sender.send(state)
    assert shown == [f"stopped ({reports.sender.source}: stop pressed)", "no stop is in force"]


def test_a_clear_after_a_fault_recovers_first() -> None:
    reports = Reports()
    reports.mode = "FAULT"
    reports.sender.send(DeviceState(cleared=True))
    assert reports.called == ["recover", "enable True"]


def test_a_clear_names_the_stops_of_others_and_the_next_one_lifts_them(capsys: pytest.CaptureFixture[str]) -> None:
    reports = Reports()
    reports.sender.send(DeviceState())
    for source in ("~/estop", "page"):
        reports.stops.press(source, "pressed")
    reports.sender.send(DeviceState(cleared=True))
    assert set(reports.stops.latched) == {"~/estop", "page"} and not reports.called
    assert "page: pressed" in (shown := capsys.readouterr().out) and "~/estop" in shown
    reports.stops.clear()
    reports.publish_status()
    reports.stops.press("page", "pressed again")
    reports.sender.send(DeviceState(cleared=True))
    assert set(reports.stops.latched) == {"page"}, "pressed since it was named"
    reports.sender.send(DeviceState(cleared=True))
    assert reports.stops.latched == {} and reports.called == ["enable True"]


def test_a_clear_of_a_device_that_still_stops_counts_for_nothing() -> None:
    reports = Reports()
    for state in (DeviceState(cleared=True, estop=True), DeviceState(cleared=True, alive=False)):
        reports.sender.send(state)
    assert [report.clears for report in reports.heard] == [0, 0] and not reports.called


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
