"""Stops are latched by source: no restart, silence or foreign clear lifts one."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros.liveness import ProcessWatch, process_identity
from controllers.ros.stops import (
    END_WATCHES,
    HOLD_AFTER_S,
    REPORT_PERIOD_S,
    STOP_AFTER_S,
    StopReport,
    Stops,
)

WELL, PRESSED, CLEARED = (StopReport("teleop", why, clears) for why, clears in (("", 0), ("pressed", 0), ("", 1)))
sources = st.sampled_from(["teleop", "page", "right"])
reports = st.builds(StopReport, sources, st.sampled_from(["", "pressed"]), st.integers(0, 3))


def after(*taken: StopReport) -> Stops:
    stops = Stops()
    for report in taken:
        stops.take(report)
    return stops


def pass_time(stops: Stops, duration_s: float, *beating: StopReport) -> None:
    start_s = 1000.0 * len(stops.latched)
    for step in range(round(duration_s / REPORT_PERIOD_S) + 1):
        stops.watch(start_s + step * REPORT_PERIOD_S)
        for report in beating:
            stops.take(report)


def test_a_stop_lasts_when_its_source_reports_well_again_and_ends_with_its_clear() -> None:
    stops = after(WELL, PRESSED, WELL)
    assert "teleop: pressed" in stops.text()
    stops.take(CLEARED)
    assert stops.text() == ""


def test_the_first_report_of_a_restarted_source_lifts_nothing() -> None:
    stops = after(PRESSED, StopReport("teleop", "", leaves=True), CLEARED)
    assert stops.latched == {"teleop": "pressed"}


@given(st.lists(reports, max_size=20))
def test_no_source_lifts_the_stop_of_another(taken: list[StopReport]) -> None:
    stops = after(StopReport("pendant", "relay open"), *taken)
    assert stops.latched["pendant"] == "relay open"


def test_an_attended_clear_leaves_what_is_still_pressed() -> None:
    stops = after(PRESSED, StopReport("page", "pressed"), StopReport("page", ""))
    stops.press("~/estop", "pressed")
    assert stops.clear() == ("page: pressed; ~/estop: pressed", "teleop: pressed")
    stops.take(WELL)
    assert stops.clear() == ("teleop: pressed", "")


def test_a_silent_source_holds_the_arm_soon_and_stops_it_later() -> None:
    stops = after(WELL)
    pass_time(stops, HOLD_AFTER_S - REPORT_PERIOD_S)
    assert stops.silent() == ""
    pass_time(stops, 2 * REPORT_PERIOD_S)
    assert stops.silent() == "teleop" and not stops.latched
    pass_time(stops, STOP_AFTER_S)
    assert set(stops.latched) == {"teleop"}
    stops.take(WELL)
    assert stops.silent() == "" and set(stops.latched) == {"teleop"}, "a source that comes back lifts nothing"


def test_a_cleared_silent_source_is_expected_no_longer() -> None:
    stops = after(WELL)
    pass_time(stops, 2 * STOP_AFTER_S)
    assert stops.clear() == ("teleop: silent for 1 s", "")
    pass_time(stops, 2 * STOP_AFTER_S)
    assert (stops.latched, stops.silent()) == ({}, "")


def test_a_source_that_leaves_in_good_order_is_not_missed() -> None:
    stops = after(WELL, StopReport("teleop", "", leaves=True))
    pass_time(stops, 2 * STOP_AFTER_S)
    assert (stops.latched, stops.silent()) == ({}, "")


def test_a_pause_of_the_controller_itself_is_nobodys_silence() -> None:
    stops = after(WELL)
    stops.watch(0.0)
    stops.watch(10.0)
    assert (stops.latched, stops.silent()) == ({}, "")


def test_a_controller_reports_its_own_stops_only_and_ignores_its_own_report() -> None:
    left, right = Stops(), Stops()
    left.own_name, right.own_name = "left", "right"
    left.press("~/estop", "pressed")
    for _ in range(2):
        for stops in (left, right):
            stops.take(left.report())
            stops.take(right.report())
    assert (left.report().why, right.report().why) == ("~/estop", "")
    assert set(right.latched) == {"left"} and set(left.latched) == {"~/estop"}
    assert left.clear() == ("~/estop: pressed", "") and right.clear() == ("", "left: ~/estop")
    right.take(left.report())
    assert right.clear() == ("left: ~/estop", "")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_the_stop_of_a_process_is_latched_when_it_ends_and_not_while_it_is_suspended(
    process: subprocess.Popen[bytes],
) -> None:
    report = WELL._replace(process=process_identity(process.pid))
    stops = after(report)
    pass_time(stops, 0.1, report)
    process.send_signal(signal.SIGSTOP)
    pass_time(stops, 0.3)
    assert stops.silent() == "teleop" and not stops.latched, "it is late: the arm holds"
    process.send_signal(signal.SIGCONT)
    pass_time(stops, 0.1, report)
    assert stops.silent() == "" and not stops.latched, "what commands the arm goes on"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    pass_time(stops, END_WATCHES * REPORT_PERIOD_S)
    assert stops.latched == {"teleop": "its process has ended"}


def test_a_process_that_leaves_may_end(process: subprocess.Popen[bytes]) -> None:
    report = WELL._replace(process=process_identity(process.pid))
    stops = after(report)
    process.kill()
    process.wait()
    stops.watch(0.0)  # after a pause, the report that it leaves is still on its way
    stops.take(report._replace(leaves=True))
    pass_time(stops, 1.0)
    assert not stops.latched


HERE = process_identity().partition("/")[0]


@pytest.mark.parametrize(
    "identity", ["", "another-computer:1/1", "nonsense", f"{HERE}/", f"{HERE}/pid", f"{HERE}/-1", f"{HERE}/{10**30}"]
)
def test_nothing_is_known_of_a_process_elsewhere_and_its_stop_counts(identity: str) -> None:
    assert not ProcessWatch(identity).ended()
    assert after(PRESSED._replace(process=identity)).latched == {"teleop": "pressed"}


@given(st.lists(st.tuples(st.floats(0.001, 0.2), st.booleans()), max_size=60))
def test_a_source_that_lives_is_never_stopped_for_being_late(arrivals: list[tuple[float, bool]]) -> None:
    stops, now_s, silent_s = after(WELL), 0.0, 0.0
    for elapsed_s, reports_now in arrivals:
        now_s, silent_s = now_s + elapsed_s, silent_s + elapsed_s
        stops.watch(now_s)
        if reports_now or silent_s > STOP_AFTER_S - 0.2:
            stops.take(WELL)
            silent_s = 0.0
            assert stops.silent() == ""
    assert not stops.latched


def test_a_clear_lifts_the_stops_of_others_that_it_names_and_that_are_not_pressed() -> None:
    stops = after(WELL, StopReport("page", "pressed"), StopReport("left", "pressed"), StopReport("left", ""))
    stops.press("~/estop", "pressed")
    stops.take(CLEARED._replace(lifts=("page", "left")))
    assert stops.latched == {"page": "pressed", "~/estop": "pressed"}


def test_a_clear_lifts_the_service_stop_of_the_arm_that_was_named_and_of_no_other() -> None:
    left, right = Stops(), Stops()
    left.own_name, right.own_name = "left/impedance_controller", "right/impedance_controller"
    for stops in (left, right):
        stops.press("~/estop", "pressed")
        stops.take(WELL)
        stops.take(CLEARED._replace(lifts=("left/~/estop",)))
    assert left.latched == {} and right.latched == {"right/~/estop": "pressed"}
