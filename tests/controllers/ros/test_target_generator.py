"""Where the node sends the loop."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from controllers.ros.target_generator import FRESH_S, TargetGenerator

P, QUAT = np.array([0.4, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])


def a_course():
    course = TargetGenerator()
    course.seed(P, QUAT)
    return course


def test_a_twist_moves_the_goal_by_the_time_that_passed():
    course, twist = a_course(), np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.5])
    for step in range(11):
        target = course.take_twist(twist, 1.0 + 0.02 * step)
    np.testing.assert_allclose(target.p, P + np.array([0.02, 0.0, 0.0]))
    turned = Rotation.from_rotvec([0.0, 0.0, 0.1]) * Rotation.from_quat(QUAT)
    assert (Rotation.from_quat(target.quat_xyzw) * turned.inv()).magnitude() < 1e-9
    np.testing.assert_array_equal(target.twist, twist)


@pytest.mark.parametrize("gap_s", [FRESH_S + 0.01, 10.0, -0.5, 0.0])
def test_a_twist_after_a_pause_or_out_of_order_moves_nothing_at_first(gap_s):
    course = a_course()
    course.take_twist(np.full(6, 1.0), 1.0)
    target = course.take_twist(np.full(6, 1.0), 1.0 + gap_s)
    np.testing.assert_array_equal(target.p, P)


def test_a_wrench_goes_with_targets_while_it_is_fresh():
    course, wrench = a_course(), np.array([0.0, 0.0, -5.0, 0.0, 0.0, 0.0])
    course.take_wrench(wrench, 1.0)
    np.testing.assert_array_equal(course.take_pose(P, QUAT, 1.0 + FRESH_S / 2).wrench, wrench)
    np.testing.assert_array_equal(course.take_pose(P, QUAT, 1.0 + 2 * FRESH_S).wrench, np.zeros(6))


def test_a_seed_forgets_wrench_and_twist():
    course = a_course()
    course.take_wrench(np.ones(6), 1.0)
    course.take_twist(np.ones(6), 1.0)
    course.seed(P + 1.0, QUAT)
    target = course.take_twist(np.ones(6), 1.01)
    np.testing.assert_array_equal(target.p, P + 1.0)
    np.testing.assert_array_equal(target.wrench, np.zeros(6))


def test_targets_are_copies():
    course = a_course()
    target = course.stay(1.0)
    target.p[0] = 99.0
    assert course.p[0] == P[0]
