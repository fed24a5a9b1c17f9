"""Stops are latched by source: no restart, silence or foreign clear lifts one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controllers.ros.stops import HOLD_AFTER_S, REPORT_PERIOD_S, STOP_AFTER_S, StopReport, Stops

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
    assert stops.clear() == "teleop: pressed" and set(stops.latched) == {"teleop"}
    stops.take(WELL)
    assert stops.clear() == ""


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
    assert stops.clear() == ""
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
    assert left.clear() == "" and right.clear() == "left: ~/estop"
    right.take(left.report())
    assert right.clear() == ""
