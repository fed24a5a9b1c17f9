"""Stamps on the loop's clock, and clocks that jump."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.ros_time import AGE_MAX_S, AHEAD_MAX_S, Stamps

EPOCH_NS = 1_700_000_000_000_000_000


class Clocks:
    """ROS time and monotonic time, set by hand."""

    def __init__(self):
        self.ros_ns, self.monotonic_ns = EPOCH_NS, 5_000_000_000
        self.stamps = Stamps(lambda: self.ros_ns, lambda: self.monotonic_ns)

    def advance(self, seconds):
        self.ros_ns += round(seconds * 1e9)
        self.monotonic_ns += round(seconds * 1e9)


def kind_of(clocks, stamp_ns):
    with pytest.raises(CommandRejected) as caught:
        clocks.stamps.monotonic_s(stamp_ns)
    return caught.value.kind


@given(age_s=st.floats(0.0, AGE_MAX_S - 1e-6))
def test_a_stamp_keeps_its_age(age_s):
    clocks = Clocks()
    assert clocks.stamps.monotonic_s(EPOCH_NS - round(age_s * 1e9)) == pytest.approx(5.0 - age_s, abs=1e-8)


def test_a_stamp_a_little_ahead_counts_as_now_and_never_later():
    clocks = Clocks()
    assert clocks.stamps.monotonic_s(EPOCH_NS + round(AHEAD_MAX_S * 0.9e9)) == 5.0


@pytest.mark.parametrize(
    ("offset_s", "kind"),
    [
        (-AGE_MAX_S - 0.01, RejectReason.STAMP_OLD),
        (AHEAD_MAX_S + 0.01, RejectReason.STAMP_AHEAD),
        (-3600.0, RejectReason.STAMP_OLD),
    ],
)
def test_old_stamps_and_those_of_the_future_are_refused(offset_s, kind):
    assert kind_of(Clocks(), EPOCH_NS + round(offset_s * 1e9)) is kind


def test_a_message_without_a_stamp_is_refused_by_that_name():
    assert kind_of(Clocks(), 0) is RejectReason.STAMP_MISSING


def test_the_way_back_gives_the_stamp_again():
    clocks = Clocks()
    assert clocks.stamps.ros_ns(4.75) == EPOCH_NS - 250_000_000


@pytest.mark.parametrize("jump_s", [-5.0, 0.5, 3600.0])
def test_a_jump_is_named_once_and_counted(jump_s):
    clocks = Clocks()
    clocks.advance(0.05)
    assert clocks.stamps.jumped() == ""
    clocks.ros_ns += round(jump_s * 1e9)
    assert f"{jump_s:+.3f} s" in clocks.stamps.jumped()
    clocks.advance(0.05)
    assert clocks.stamps.jumped() == "" and clocks.stamps.jumps == 1


def test_a_clock_that_is_slewed_does_not_jump():
    clocks = Clocks()
    for _ in range(100):
        clocks.advance(0.05)
        clocks.ros_ns += 25_000  # 500 ppm, the most that NTP does
        assert clocks.stamps.jumped() == ""


def test_a_reader_that_is_interrupted_between_the_clocks_is_no_jump_and_makes_no_stamp_fresher():
    clocks = Clocks()
    interrupted = iter([0.0, 0.0, 0.0, 0.15] * 10)

    def monotonic_ns():
        clocks.advance(next(interrupted))
        return clocks.monotonic_ns

    stamps = Stamps(lambda: clocks.ros_ns, monotonic_ns)
    assert stamps.jumped() == "" and stamps.jumped() == ""
    sent_ns, sent_s = clocks.ros_ns, clocks.monotonic_ns * 1e-9
    assert stamps.monotonic_s(sent_ns) <= sent_s + 1e-6
