"""Targets are slow and not to be trusted: bad ones are dropped by name, jumps become bounded motion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.arm import Mode, Reason
from controllers.law.gains import force_cap, make_gains
from controllers.law.tick import Counter
from tests.controllers.plant import HOME, Rig, free_limits, pose_target

GAINS = make_gains(HOME, ramp_s=0.0, workspace_lower=(0.1, -0.5, 0.0), workspace_upper=(0.8, 0.5, 0.9))


def spoil(target, field, index, value):
    getattr(target, field)[index] = value


BAD = [
    ("p", 0, np.nan, Reason.TARGET_NOT_FINITE),
    ("p", 2, np.inf, Reason.TARGET_NOT_FINITE),
    ("quat_xyzw", 1, np.nan, Reason.TARGET_NOT_FINITE),
    ("twist", 5, np.nan, Reason.TARGET_NOT_FINITE),
    ("wrench", 0, -np.inf, Reason.TARGET_NOT_FINITE),
    ("stamp_s", 0, np.nan, Reason.TARGET_NOT_FINITE),
    ("stamp_s", 0, 10.0, Reason.TARGET_FROM_THE_FUTURE),
    ("stamp_s", 0, -10.0, Reason.TARGET_OUT_OF_ORDER),
    ("quat_xyzw", slice(None), 0.6, Reason.TARGET_QUATERNION_NOT_UNIT),
    ("quat_xyzw", slice(None), 0.0, Reason.TARGET_QUATERNION_NOT_UNIT),
    ("p", 2, -0.1, Reason.TARGET_OUTSIDE_WORKSPACE),
]


@pytest.mark.parametrize(("field", "index", "value", "reason"), BAD)
def test_a_bad_target_is_dropped_by_name_and_the_last_one_stays(field, index, value, reason):
    rig = Rig(GAINS)
    rig.target = pose_target(rig.plant.state, (0.02, 0.0, 0.0))
    rig.run(0.05)
    taken = rig.loop.goal.p.copy()
    rig.target.p[:] += 0.01
    rig.target.stamp_s[0] = rig.now_s
    spoil(rig.target, field, index, value)
    assert rig.tick(fresh=False) == reason
    np.testing.assert_array_equal(rig.loop.goal.p, taken)
    assert rig.loop.counters[Counter.TARGETS_DROPPED] == 1
    assert rig.loop.mode == Mode.ACTIVE


@pytest.mark.parametrize(("field", "index", "value", "reason"), BAD)
def test_nothing_but_bad_targets_ends_in_a_held_pose(field, index, value, reason):
    rig = Rig(GAINS)
    rig.run(0.05)
    for _ in range(200):
        rig.target.stamp_s[0] = rig.now_s
        spoil(rig.target, field, index, value)
        rig.run(0.001, fresh=False)
    assert rig.loop.mode == Mode.HOLDING


@given(st.floats(0.9901, 1.0099))
def test_a_quaternion_slightly_off_is_normalised(norm):
    rig = Rig(GAINS)
    rig.target.quat_xyzw[:] *= norm
    assert rig.tick() == Reason.OK
    assert np.linalg.norm(rig.loop.goal.quat_xyzw) == pytest.approx(1.0, abs=1e-12)


def test_a_repeated_target_is_no_fault_but_does_not_stay_fresh():
    rig = Rig(GAINS)
    rig.tick()
    assert all(rig.tick(fresh=False) == Reason.OK for _ in range(140))
    rig.now_s += 0.05
    assert rig.tick(fresh=False) == Reason.TARGET_LATE


@pytest.mark.parametrize(("speed", "filter_time_s"), [(0.2, 0.0), (0.2, 0.05), (0.0, 0.0)])
def test_a_jump_of_the_target_becomes_motion_no_faster_than_allowed(speed, filter_time_s):
    rig = Rig(make_gains(HOME, ramp_s=0.0, filter_time_s=filter_time_s, speed_max=(speed, 1.0)))
    rig.target = pose_target(rig.plant.state, (0.3, -0.2, 0.1))
    rig.target.quat_xyzw[:] = (0.0, 0.0, 0.0, 1.0)
    rig.tick()
    before, angle_before = rig.loop.reference_p.copy(), rig.loop.reference_quat_xyzw.copy()
    for _ in range(100):
        rig.run(0.001)
        p, quat = rig.loop.reference_p, rig.loop.reference_quat_xyzw
        assert np.linalg.norm(p - before) <= speed * 0.001 + 1e-15
        assert 2 * np.arccos(min(1.0, abs(quat @ angle_before))) <= 1.0 * 0.001 + 1e-7
        before, angle_before = p.copy(), quat.copy()


def test_the_filter_reaches_63_percent_of_a_step_in_its_time_constant():
    rig = Rig(make_gains(HOME, filter_time_s=0.05, speed_max=np.inf))
    rig.target = pose_target(rig.plant.state, (0.01, 0.0, 0.0))
    start = rig.plant.state.p[0]
    for _ in range(50):
        rig.tick()
    assert rig.loop.reference_p[0] - start == pytest.approx(0.01 * (1 - np.exp(-1)), rel=1e-6)


def test_the_filter_does_not_depend_on_the_loop_rate():
    reached = []
    for dt_s in (0.001, 0.002, 0.005):
        rig = Rig(make_gains(HOME, filter_time_s=0.05, speed_max=np.inf))
        rig.target = pose_target(rig.plant.state, (0.01, 0.0, 0.0))
        for _ in range(round(0.05 / dt_s)):
            rig.tick(dt_s)
        reached.append(rig.loop.reference_p[0])
    np.testing.assert_allclose(reached, reached[0], atol=1e-12)


vectors6 = st.tuples(*[st.floats(-1e3, 1e3)] * 6)


@given(st.tuples(*[st.floats(-10.0, 10.0)] * 3), vectors6, vectors6)
def test_what_drives_the_arm_stays_within_the_force_cap(p, twist, wrench):
    """At rest, whatever the target asks for: position, feed-forward twist and wrench together."""
    gains = make_gains(HOME, ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf, wrench_max=2.0, posture_stiffness=0.0)
    rig = Rig(gains, limits=free_limits())
    rig.target = pose_target(rig.plant.state, p)
    rig.target.twist[:], rig.target.wrench[:] = twist, wrench
    rig.tick()
    assert (np.abs(rig.loop.work.wrench) <= force_cap(gains) * (1 + 1e-12)).all()


def test_feed_forward_wrenches_are_off_until_allowed():
    for wrench_max, expected in ((0.0, 0.0), (2.0, 2.0), (10.0, 5.0)):
        rig = Rig(make_gains(HOME, wrench_max=wrench_max), limits=free_limits())
        rig.target.wrench[2] = 5.0
        rig.tick()
        assert rig.loop.work.wrench[2] == pytest.approx(expected)
