"""The table of known arms, against the numbers of their makers."""

import numpy as np
import pytest

from controllers.arm import KNOWN_ARMS, arm_limits
from controllers.law.control_loop import check_shapes
from controllers.law.gains import make_gains
from tests.controllers.plant import HOME, Rig


@pytest.mark.parametrize("name", KNOWN_ARMS)
def test_known_arms_are_consistent(name):
    limits = KNOWN_ARMS[name]
    joints = limits.q_lower.size
    assert all(array.shape == (joints,) and array.dtype == np.float64 for array in limits[:5])
    assert (limits.q_lower < limits.q_upper).all()
    assert (limits.tau_rate_max <= 1000.0).all() and (limits.dq_max > 0.0).all() and (limits.tau_max > 0.0).all()


@pytest.mark.parametrize("name", ["fer", "fr3", "fr3_before_5_9"])
def test_franka_arms_have_their_joints_torques(name):
    np.testing.assert_array_equal(KNOWN_ARMS[name].tau_max, [87.0] * 4 + [12.0] * 3)
    check_shapes(Rig(make_gains(HOME), limits=KNOWN_ARMS[name]).arrays)


def test_the_two_firmware_tables_of_fr3_differ():
    """A joint position that the newer system accepts is refused by the older one."""
    new, old = KNOWN_ARMS["fr3"], KNOWN_ARMS["fr3_before_5_9"]
    assert new.q_upper[0] > old.q_upper[0] and new.q_lower[5] < old.q_lower[5]


def test_ur_arms_have_six_joints_and_an_elbow_of_half_the_range():
    for name, shoulder, wrist in (("ur5e", 150.0, 28.0), ("ur10e", 330.0, 56.0)):
        limits = KNOWN_ARMS[name]
        assert limits.tau_max[0] == shoulder and limits.tau_max[5] == wrist
        assert limits.q_upper[2] == np.pi and limits.q_upper[0] == 2 * np.pi
    np.testing.assert_allclose(np.rad2deg(KNOWN_ARMS["ur10e"].dq_max), [120, 120, 180, 180, 180, 180])


def test_an_unknown_arm_names_the_known_ones():
    with pytest.raises(ValueError, match=r"arm: got 'panda', expected one of .*'fer'"):
        arm_limits("panda")
