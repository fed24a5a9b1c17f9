"""The node's goal: what moves it, how far it may lead the arm, and where a new source starts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from controllers.arm import Mode, Reason
from controllers.geometry import matrix_from_quat
from controllers.host.mailbox import HostState
from controllers.host.report import LoopReport
from controllers.law.gains import make_gains
from controllers.records import make_record
from controllers.ros.target_generator import FRESH_S, LAG_S, TargetGenerator

P, QUAT = np.array([0.4, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])
GAINS = make_gains([0.0] * 7)  # clips 5 cm and 0.25 rad
DOWN = np.array([0.0, 0.0, -0.25, 0.0, 0.0, 0.0])


def at(p=P, reference=None, mode=Mode.ACTIVE, quat=QUAT):
    """The state of a loop whose arm is at p."""
    values = make_record(LoopReport, 7)
    matrix_from_quat(quat, values.R)
    values["p"], values["reference_p"] = p, p if reference is None else reference
    values["reference_quat_xyzw"] = quat
    return HostState(0.0, mode, Reason.OK, "", values)


def a_course(p=P):
    course = TargetGenerator()
    course.seed(p, QUAT)
    course.follow(at(p), GAINS, anew=False)
    return course


def twist_at(course, twist, stamp_s, state=None, gains=GAINS):
    """The target of a twist, by default with the arm at the goal."""
    return course.take_twist(twist, stamp_s, state or at(course.p, quat=course.quat_xyzw), gains)


def test_a_twist_moves_the_goal_by_the_time_that_passed():
    course, twist = a_course(), np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.5])
    for step in range(11):
        target = twist_at(course, twist, 1.0 + 0.02 * step)
    np.testing.assert_allclose(target.p, P + np.array([0.02, 0.0, 0.0]))
    turned = Rotation.from_rotvec([0.0, 0.0, 0.1]) * Rotation.from_quat(QUAT)
    assert (Rotation.from_quat(target.quat_xyzw) * turned.inv()).magnitude() < 1e-9
    np.testing.assert_array_equal(target.twist, twist)


@given(st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(0.005, 1.0), st.integers(0, 3)), min_size=1, max_size=20))
def test_each_twist_is_valid_until_the_next_one_or_for_its_time_however_often_the_goal_is_repeated(messages):
    course, now_s, expected_m = a_course(), 1.0, 0.0
    for speed, gap_s, repeats in messages:
        twist_at(course, np.array([speed, 0, 0, 0, 0, 0]), now_s)
        for k in range(repeats):
            course.stay(now_s + gap_s * (k + 1) / (repeats + 1), at(course.p), GAINS)
        now_s, expected_m = now_s + gap_s, expected_m + speed * min(gap_s, FRESH_S)
    assert course.stay(now_s + 1.0, at(course.p), GAINS).p[0] - P[0] == pytest.approx(
        expected_m + messages[-1][0] * (FRESH_S - min(messages[-1][1], FRESH_S)), abs=1e-9
    )


def test_a_twist_ends_with_its_validity():
    course = a_course()
    twist_at(course, DOWN, 1.0)
    np.testing.assert_array_equal(course.stay(1.05, at(), GAINS).twist, DOWN)
    np.testing.assert_array_equal(course.stay(1.0 + FRESH_S, at(), GAINS).twist, np.zeros(6))


def test_a_twist_that_arrives_out_of_order_moves_nothing():
    course = a_course()
    twist_at(course, DOWN, 1.0)
    moved = twist_at(course, DOWN, 1.05).p
    np.testing.assert_array_equal(twist_at(course, -DOWN, 0.9).p, moved)


def test_a_key_held_into_a_table_leads_the_arm_by_its_leash_and_the_way_up_begins_within_it():
    """Three seconds at 0.25 m/s once put the goal 64 cm below the table, and 2.7 s of "up" moved nothing."""
    course, table = a_course(), at()
    leash_m = GAINS.clip_upper[0] + 0.25 * (GAINS.filter_time_s + LAG_S)
    for step in range(150):
        target = twist_at(course, DOWN, 1.0 + 0.02 * step, table)
    assert np.linalg.norm(target.p - P) == pytest.approx(leash_m)
    up_s = 0.0
    while target.p[2] < P[2]:
        up_s += 0.02
        target = twist_at(course, -DOWN, 4.0 + up_s, table)
    assert up_s < 0.4


def test_a_turn_is_on_a_leash_too():
    course, stuck, turn = a_course(), at(), np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    for step in range(200):
        target = twist_at(course, turn, 1.0 + 0.02 * step, stuck)
    lead_rad = (Rotation.from_quat(target.quat_xyzw) * Rotation.from_quat(QUAT).inv()).magnitude()
    assert lead_rad == pytest.approx(GAINS.clip_upper[3] + GAINS.filter_time_s + LAG_S)


def test_a_goal_does_not_wind_up_beyond_a_face_of_the_workspace():
    gains = GAINS.changed(workspace_lower=(0.2, -0.4, 0.25), workspace_upper=(0.7, 0.4, 0.7), cone_rad=np.pi)
    course = a_course()
    for step in range(100):
        target = twist_at(course, DOWN, 1.0 + 0.02 * step, at(np.maximum(course.p, [0, 0, 0.25])), gains)
    assert target.p[2] == pytest.approx(0.25)
    assert course.beyond.startswith("z: got") and "expected 0.250 to 0.700" in course.beyond
    assert twist_at(course, -DOWN, 3.0, at(course.p), gains).p[2] <= 0.25  # the last twist is valid until this one
    assert twist_at(course, -DOWN, 3.02, at(course.p), gains).p[2] > 0.25 and course.beyond == ""


@pytest.mark.parametrize("bound", ["plane", "cone"])
def test_planes_and_the_cone_bound_the_goal_too(bound):
    limits = {"planes": [(0.0, 0.0, 1.0, 0.29)]} if bound == "plane" else {"cone_rad": 0.1}
    gains, course = GAINS.changed(**limits), a_course()
    twist = np.array([0.0, 0.0, -0.2, 0.5, 0.0, 0.0])
    for step in range(60):
        target = twist_at(course, twist, 1.0 + 0.02 * step, gains=gains)
    assert course.beyond.startswith({"plane": "plane", "cone": "tilt"}[bound])
    if bound == "plane":
        assert target.p[2] == pytest.approx(0.29)
    else:
        assert (Rotation.from_quat(target.quat_xyzw) * Rotation.from_quat(QUAT).inv()).magnitude() <= 0.1 + 1e-9


@pytest.mark.parametrize("bound", ["box", "plane", "cone"])
def test_at_an_edge_of_the_workspace_no_feed_forward_leads_out_of_it(bound):
    """Damping times that velocity would hold the arm centimetres beyond the edge."""
    box = {"workspace_lower": (0.2, -0.4, P[2]), "workspace_upper": (0.7, 0.4, 0.7)}
    limits = {"box": box, "plane": {"planes": [(0.0, 0.0, 1.0, P[2])]}, "cone": {"cone_rad": 1e-3}}
    gains, course = GAINS.changed(**limits[bound]), a_course()
    out, along = (DOWN, np.array([0.1, 0, 0, 0, 0, 0.0])) if bound != "cone" else (np.eye(6)[3], np.eye(6)[0])
    for stamp_s in (1.0, 1.02, 1.02, 1.04):
        target = twist_at(course, out + along, stamp_s, gains=gains)
    np.testing.assert_allclose(target.twist, along, atol=1e-3)
    np.testing.assert_allclose(course.stay(1.06, at(course.p, quat=course.quat_xyzw), gains).twist, along, atol=1e-3)
    np.testing.assert_array_equal(twist_at(course, along - out, 1.08, gains=gains).twist, along - out)


def test_another_source_starts_from_the_reference_with_the_force_that_it_exerts():
    course = a_course(P + np.array([0.1, 0.0, 0.0]))
    course.follow(at(P, reference=P - np.array([0.0, 0.0, 0.02])), GAINS, anew=True)
    np.testing.assert_array_equal(course.p, P - np.array([0.0, 0.0, 0.02]))


def test_a_goal_that_the_reference_has_reached_is_kept_by_another_source():
    course = a_course()
    course.follow(at(P, reference=P + np.array([0.001, 0.0, 0.0])), GAINS, anew=True)
    np.testing.assert_array_equal(course.p, P)


def test_an_arm_beyond_the_leash_of_its_reference_starts_from_where_it_is():
    course = a_course()
    course.follow(at(P + np.array([0.0, 0.2, 0.0]), reference=P), GAINS, anew=True)
    np.testing.assert_array_equal(course.p, P + np.array([0.0, 0.2, 0.0]))


@pytest.mark.parametrize("mode", [Mode.IDLE, Mode.ACTIVATING, Mode.DAMPING, Mode.FAULT, Mode.RECOVERING])
def test_a_loop_that_has_not_tracked_the_goal_starts_from_where_the_arm_is(mode):
    course, here = a_course(P - np.array([0.0, 0.0, 0.3])), P + np.array([0.0, 0.02, 0.0])
    course.follow(at(here, reference=P, mode=mode), GAINS, anew=False)
    np.testing.assert_array_equal(course.p, here)
    course.follow(at(here, mode=Mode.HOLDING), GAINS, anew=False)
    np.testing.assert_array_equal(course.p, here)


def test_a_state_of_nan_leaves_the_goal():
    course = a_course()
    course.follow(at(np.full(3, np.nan), mode=Mode.FAULT), GAINS, anew=True)
    np.testing.assert_array_equal(course.take_here(at(np.full(3, np.nan)), 1.0).p, P)


def test_a_wrench_goes_with_targets_while_it_is_fresh():
    course, wrench = a_course(), np.array([0.0, 0.0, -5.0, 0.0, 0.0, 0.0])
    course.take_wrench(wrench, 1.0)
    np.testing.assert_array_equal(course.take_pose(P, QUAT, 1.0 + FRESH_S / 2, GAINS).wrench, wrench)
    np.testing.assert_array_equal(course.take_pose(P, QUAT, 1.0 + 2 * FRESH_S, GAINS).wrench, np.zeros(6))


def test_a_seed_forgets_wrench_and_twist():
    course = a_course()
    course.take_wrench(np.ones(6), 1.0)
    twist_at(course, np.ones(6), 1.0)
    course.seed(P + 1.0, QUAT)
    target = twist_at(course, np.ones(6), 1.01)
    np.testing.assert_allclose(target.p, P + 1.0)
    np.testing.assert_array_equal(target.wrench, np.zeros(6))


def test_a_message_older_than_a_repetition_of_the_goal_still_counts():
    course = a_course()
    repeated = course.stay(1.05, at(), GAINS)
    assert course.take_pose(P, QUAT, 1.04, GAINS).stamp_s[0] > repeated.stamp_s[0]


def test_targets_are_copies():
    course = a_course()
    target = course.stay(1.0, at(), GAINS)
    target.p[0] = 99.0
    assert course.p[0] == P[0]
