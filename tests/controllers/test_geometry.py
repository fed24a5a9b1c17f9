"""Rotations against scipy, with most samples where rotations go wrong: near zero and near pi."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from controllers.geometry import (
    bounded,
    matrix_from_quat,
    quat_exp,
    quat_from_matrix,
    quat_log,
    quat_multiply,
    quat_normalised,
    quat_towards,
    rotation_error,
)

angles = st.one_of(
    st.floats(0.0, np.pi), st.floats(0.0, 1e-5), st.floats(np.pi - 1e-5, np.pi), st.sampled_from([0.0, 1e-300, np.pi])
)
axes = st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3)


@st.composite
def rotation_vectors(draw):
    axis = np.array(draw(axes))
    return draw(angles) * axis / np.linalg.norm(axis)


@given(rotation_vectors())
def test_exp_and_matrix_agree_with_scipy(v):
    R = np.empty((3, 3))
    matrix_from_quat(quat_exp(v), R)
    np.testing.assert_allclose(R, Rotation.from_rotvec(v).as_matrix(), atol=1e-14)


@given(rotation_vectors())
def test_log_undoes_exp_up_to_the_sign_of_a_half_turn(v):
    back = np.array(quat_log(quat_exp(v)))
    turn = Rotation.from_rotvec(back) * Rotation.from_rotvec(v).inv()
    assert turn.magnitude() < 1e-9
    assert abs(np.linalg.norm(back) - np.linalg.norm(v)) < 1e-9


@given(rotation_vectors())
def test_matrix_to_quaternion_and_back_is_exact_at_every_angle(v):
    R, back = Rotation.from_rotvec(v).as_matrix(), np.empty((3, 3))
    matrix_from_quat(quat_from_matrix(R), back)
    np.testing.assert_allclose(back, R, atol=1e-12)


@given(rotation_vectors(), rotation_vectors())
def test_error_is_the_full_angle_of_the_short_arc_in_the_base_frame(v, v_goal):
    R, R_goal = Rotation.from_rotvec(v), Rotation.from_rotvec(v_goal)
    e = np.array(rotation_error(R.as_quat(), R_goal.as_quat()))
    assert np.linalg.norm(e) <= np.pi + 1e-12
    assert (Rotation.from_rotvec(e) * R * R_goal.inv()).magnitude() < 1e-7


@given(rotation_vectors(), rotation_vectors())
def test_both_quaternions_of_a_rotation_give_the_same_error(v, v_goal):
    quat, goal = Rotation.from_rotvec(v).as_quat(), Rotation.from_rotvec(v_goal).as_quat()
    e, e_other = np.array(rotation_error(quat, goal)), np.array(rotation_error(quat, -goal))
    if abs(np.linalg.norm(e) - np.pi) > 1e-6:  # at exactly half a turn both directions are the short arc
        np.testing.assert_allclose(e, e_other, atol=1e-7)
    assert abs(np.linalg.norm(e) - np.linalg.norm(e_other)) < 1e-7


@given(axes, st.floats(1e-9, 1e-3))
def test_error_is_continuous_up_to_half_a_turn(axis, gap):
    axis = np.array(axis) / np.linalg.norm(axis)
    e = np.array(rotation_error((0.0, 0.0, 0.0, 1.0), Rotation.from_rotvec((np.pi - gap) * axis).as_quat()))
    np.testing.assert_allclose(e, (np.pi - gap) * axis, atol=1e-7)


@given(rotation_vectors(), rotation_vectors(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_step_goes_the_fraction_of_the_way_but_not_beyond_the_bound(v, v_goal, fraction, bound):
    quat, goal = Rotation.from_rotvec(v).as_quat(), Rotation.from_rotvec(v_goal).as_quat()
    way = np.linalg.norm(rotation_error(quat, goal))
    moved = np.linalg.norm(rotation_error(quat, quat_towards(quat, goal, fraction, bound)))
    assert abs(moved - min(fraction * way, bound)) < 1e-7


@given(rotation_vectors(), rotation_vectors())
def test_product_composes_rotations(v, w):
    product = Rotation.from_quat(quat_multiply(quat_exp(v), quat_exp(w)))
    assert (product * (Rotation.from_rotvec(v) * Rotation.from_rotvec(w)).inv()).magnitude() < 1e-7


def test_a_zero_quaternion_becomes_the_identity():
    assert quat_normalised((0.0, 0.0, 0.0, 0.0)) == (0.0, 0.0, 0.0, 1.0)


@given(st.tuples(*[st.floats(-1e3, 1e3)] * 3), st.floats(0.0, 10.0))
def test_bounded_keeps_the_direction(v, length_max):
    short = np.array(bounded(v, length_max))
    assert np.linalg.norm(short) <= length_max * (1 + 1e-12) + 1e-300
    assert np.linalg.norm(np.cross(short, v)) <= 1e-9 * np.linalg.norm(short) * np.linalg.norm(v) + 1e-300
