"""Messages become exactly what they say, or are refused with the reason."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.ros import from_ros
from controllers.ros.rejection import CommandRejected, RejectReason
from tests.controllers.ros import ros_messages as ros

JOINTS = ("j1", "j2", "j3")


def refusal(function, *arguments):
    with pytest.raises(CommandRejected) as caught:
        function(*arguments)
    assert "got" in str(caught.value) and "expected" in str(caught.value)
    return caught.value.kind


def test_a_pose_arrives_as_it_was_sent_with_its_quaternion_normalised():
    p, quat = from_ros.pose_of(ros.pose((0.1, 0.2, 0.3), (1.005, 0.0, 0.0, 0.0)), "base")
    np.testing.assert_array_equal(p, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(quat, [1.0, 0.0, 0.0, 0.0])


def test_twists_and_wrenches_are_linear_first():
    np.testing.assert_array_equal(from_ros.twist_of(ros.twist((1, 2, 3), (4, 5, 6)), "base"), [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(from_ros.wrench_of(ros.wrench((1, 2, 3), (4, 5, 6)), "base"), [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("frame", ["", "tool0", "/base", "left/base"])
def test_another_frame_is_refused(frame):
    for function, make in (
        (from_ros.pose_of, ros.pose),
        (from_ros.twist_of, ros.twist),
        (from_ros.wrench_of, ros.wrench),
    ):
        assert refusal(function, make(frame=frame), "base") is RejectReason.FRAME


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@given(place=st.integers(0, 5))
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(bad, place):
    values = [0.0] * 6
    values[place] = bad
    assert refusal(from_ros.twist_of, ros.twist(values[:3], values[3:]), "base") is RejectReason.NOT_FINITE
    assert refusal(from_ros.wrench_of, ros.wrench(values[:3], values[3:]), "base") is RejectReason.NOT_FINITE
    assert refusal(from_ros.pose_of, ros.pose((0, bad, 0)), "base") is RejectReason.NOT_FINITE
    assert refusal(from_ros.pose_of, ros.pose(quat=(0, 0, bad, 1)), "base") is RejectReason.NOT_FINITE


@pytest.mark.parametrize("quat", [(0, 0, 0, 0), (0, 0, 0, 1.02), (1, 1, 1, 1)])
def test_a_quaternion_that_is_none_is_refused(quat):
    assert refusal(from_ros.pose_of, ros.pose(quat=quat), "base") is RejectReason.QUATERNION


@given(order=st.permutations(range(3)))
def test_joints_are_reordered_by_name(order):
    message = ros.joints([JOINTS[i] for i in order], [float(i) for i in order])
    np.testing.assert_array_equal(from_ros.posture_of(message, JOINTS), [0.0, 1.0, 2.0])


@pytest.mark.parametrize("names", [["j1", "j2"], ["j1", "j2", "j4"], ["j1", "j2", "j3", "j4"], ["j1", "j2", "j2"], []])
def test_unknown_missing_and_doubled_joints_are_refused(names):
    assert refusal(from_ros.posture_of, ros.joints(names, [0.0] * len(names)), JOINTS) is RejectReason.JOINTS


def test_as_many_positions_as_names():
    assert refusal(from_ros.posture_of, ros.joints(list(JOINTS), [0.0, 0.0]), JOINTS) is RejectReason.LENGTH


def test_named_numbers_arrive_by_their_names():
    message = ros.array([1.0, 2.0, 3.0], label="stiffness", size=2)
    message.layout.dim.append(ros.Message(label="filter_time_s", size=1, stride=1))
    named = from_ros.numbers_of(message)
    assert {name: values.tolist() for name, values in named.items()} == {"stiffness": [1, 2], "filter_time_s": [3]}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (ros.array([1.0] * 6, label=None), RejectReason.LAYOUT),
        (ros.array([1.0] * 6, label=""), RejectReason.LAYOUT),
        (ros.array([1.0] * 6, size=3), RejectReason.LENGTH),
        (ros.array([1.0] * 6, size=7), RejectReason.LENGTH),
        (ros.array([1.0] * 6, offset=1), RejectReason.LENGTH),
    ],
)
def test_numbers_without_names_or_of_another_length_are_refused(message, kind):
    assert refusal(from_ros.numbers_of, message) is kind


@given(order=st.permutations(range(4)))
def test_positions_are_read_by_name_among_others(order):
    names = [*JOINTS, "finger"]
    message = ros.joints([names[i] for i in order], [float(i) for i in order])
    np.testing.assert_array_equal(from_ros.positions_of(message, ["finger", "j1"]), [3.0, 0.0])
    assert refusal(from_ros.positions_of, message, ["thumb"]) is RejectReason.JOINTS
