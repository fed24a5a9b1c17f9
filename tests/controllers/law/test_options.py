"""LawOptions are checked like gains, are off by default, and do what their names say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.arm import Reason
from controllers.law.gains import force_cap, make_gains
from controllers.law.options import LawOptions
from tests.controllers.plant import HOME, Plant, Rig, free_limits, pose_target

QUICK = {"ramp_s": 0.0, "filter_time_s": 0.0, "speed_max": np.inf}


@pytest.mark.parametrize("name", sorted(LawOptions.fields))
def test_nan_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        make_gains(HOME, **{name: np.nan})


@pytest.mark.parametrize("name", ["extra_damping", "gain_time_s", "energy_max_j", "contact_force_max"])
def test_a_negative_number_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        make_gains(HOME, **{name: -1.0})


def test_a_name_that_is_no_field_is_refused():
    with pytest.raises(TypeError, match="joint_margin"):
        make_gains(HOME, joint_margin=0.1)


def test_operational_space_needs_a_finite_force_limit_and_no_energy_account():
    with pytest.raises(ValueError, match="force_limit"):
        make_gains(HOME, force_limit=np.inf, operational_space=True)
    with pytest.raises(ValueError, match="energy_max_j"):
        make_gains(HOME, operational_space=True, energy_max_j=1.0)


def test_changed_gains_come_into_force_with_their_time_constant():
    rig = Rig(make_gains(HOME, ramp_s=0.0, gain_time_s=0.1))
    rig.tick()
    assert rig.loop.gains.stiffness[0] == 600.0
    rig.gains = rig.gains.replaced(stiffness=np.full(6, 100.0))
    for _ in range(100):
        rig.tick()
    assert rig.loop.gains.stiffness[0] == pytest.approx(100.0 + 500.0 * np.exp(-1), rel=1e-6)


def test_a_change_of_gains_under_load_is_no_jump_of_torque():
    """Half the stiffness at once would drop half of the load."""
    steps = []
    for gain_time_s in (0.0, 0.1):
        rig = Rig(make_gains(HOME, gain_time_s=gain_time_s, **QUICK), limits=free_limits())
        rig.target = pose_target(rig.plant.state, (0.04, 0.0, 0.0))
        rig.tick()
        before = rig.tau.copy()
        rig.gains = rig.gains.replaced(stiffness=rig.gains.stiffness / 2)
        rig.tick()
        steps.append(np.abs(rig.tau - before).max())
    assert steps[1] < 0.03 * steps[0]


def test_operational_space_accelerates_the_tool_along_its_error():
    """a = K e: the arm's inertia cancels, away from clips and limits."""
    gains = make_gains(HOME, stiffness=100.0, force_limit=1e4, posture_stiffness=0.0, posture_damping=0.0,
                       operational_space=True, **QUICK)  # fmt: skip
    rig = Rig(gains, limits=free_limits())
    rig.target = pose_target(rig.plant.state, (0.01, -0.02, 0.015))
    rig.tick()
    a = rig.plant.dynamics.J @ np.linalg.solve(rig.plant.dynamics.M, rig.tau)
    np.testing.assert_allclose(a, [1.0, -2.0, 1.5, 0.0, 0.0, 0.0], atol=1e-8)


def test_operational_space_settles_without_overshoot_and_stays_within_the_force_limit():
    gains = make_gains(HOME, stiffness=150.0, force_limit=30.0, operational_space=True, **QUICK)
    rig = Rig(gains)
    rig.target = pose_target(rig.plant.state, (0.05, 0.0, 0.0))
    x0, path = rig.plant.state.p[0], rig.run(1.5)[:, 0]
    assert path.max() - x0 < 0.0505 and abs(path[-1] - x0 - 0.05) < 1e-3
    rig.target = pose_target(rig.plant.state, (5.0, 5.0, 5.0))
    rig.tick()
    assert (np.abs(rig.loop.work.wrench + rig.loop.work.drag) <= 30.0 + 1e-9).all()


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_operational_damping_never_feeds_energy(seed):
    rng = np.random.default_rng(seed)
    rig = Rig(make_gains(HOME, stiffness=rng.uniform(0, 500, 6), damping_ratio=rng.uniform(0, 2, 6), force_limit=100.0,
                         operational_space=True))  # fmt: skip
    rig.tick()
    D = rig.loop.damping
    np.testing.assert_allclose(D, D.T, atol=1e-9)
    assert np.linalg.eigvalsh(D).min() > -1e-9 * np.abs(D).max()


def test_the_integral_removes_what_a_load_leaves_and_counts_for_the_force_cap():
    gains = {"integral_rate": [3000.0] * 3 + [0.0] * 3, "integral_max": [15.0] * 3 + [0.0] * 3}
    rig = Rig(make_gains(HOME, ramp_s=0.0, **gains))
    p = rig.plant.state.p.copy()
    rig.run(4.0, np.array([0.0, 0.0, -10.0, 0.0, 0.0, 0.0]))
    assert np.linalg.norm(rig.plant.state.p - p) < 1e-3
    assert force_cap(rig.gains)[0] == 600.0 * 0.05 + 15.0
    rig.run(3.0, np.array([0.0, 0.0, -40.0, 0.0, 0.0, 0.0]))
    assert np.abs(rig.loop.integral).max() <= 15.0


WRENCH = {"stiffness": [0.0, 0.0, 0.0, 30.0, 30.0, 30.0], "wrench_max": [20.0] * 3 + [0.0] * 3, "ramp_s": 0.0}


def test_a_wrench_action_moves_the_free_arm_at_force_over_damping_and_no_faster():
    rig = Rig(make_gains(HOME, extra_damping=[100.0] * 3 + [0.0] * 3, posture_stiffness=0.0, **WRENCH))
    rig.target.wrench[0] = 500.0  # far beyond wrench_max
    path = rig.run(1.0)
    speed = (path[-1, 0] - path[-101, 0]) / 0.1
    assert speed == pytest.approx(20.0 / 100.0, rel=0.05)


def test_a_wrench_action_ends_with_its_client():
    rig = Rig(make_gains(HOME, extra_damping=50.0, wrench_rate_max=100.0, **WRENCH))
    rig.target.wrench[0] = 10.0
    rig.run(0.3)
    assert rig.loop.wrench[0] == pytest.approx(10.0)
    rig.run(0.4, fresh=False)
    assert rig.loop.wrench[0] == 0.0


def test_a_wrench_changes_no_faster_than_its_rate():
    rig = Rig(make_gains(HOME, wrench_rate_max=100.0, **WRENCH))
    rig.target.wrench[2] = -10.0
    for k in range(1, 50):
        rig.tick()
        assert rig.loop.wrench[2] == pytest.approx(-0.1 * k)


def test_a_wrench_far_beyond_its_bound_leaves_nothing_to_unwind():
    rig = Rig(make_gains(HOME, wrench_rate_max=100.0, **WRENCH))
    rig.target.wrench[2] = -1e5
    rig.run(1.0)
    assert rig.loop.wrench[2] == -20.0
    rig.target.wrench[2] = 0.0
    rig.run(0.1)
    assert rig.loop.wrench[2] == pytest.approx(-10.0, abs=0.2)


def test_friction_compensation_is_off_until_given_and_follows_the_motion():
    def extra_torque(dq, **friction):
        rig = Rig(make_gains(HOME, **friction), limits=free_limits())
        rig.plant.state.dq[2] = dq
        rig.tick()
        return rig.loop.work.tau_own[2] - rig.plant.dynamics.coriolis[2]

    assert extra_torque(0.5) == 0.0
    assert extra_torque(0.5, friction_coulomb=0.8, friction_viscous=0.4) == pytest.approx(1.0, abs=1e-3)
    assert extra_torque(0.0, friction_coulomb=0.8) == 0.0


@pytest.mark.parametrize("frame", [1.0, -1.0, np.nan])
def test_a_target_in_an_unknown_frame_is_dropped(frame):
    rig = Rig(make_gains(HOME))
    rig.target = rig.target._replace(frame=np.array([frame]))
    assert rig.tick() == Reason.TARGET_FRAME_UNKNOWN
    rig.target.frame[0] = 0.0
    assert rig.tick() == Reason.OK


def near_singular_rig(**options):
    q = np.array([0.0, 0.3, 0.0, -0.2, 0.0, 1.5, 0.0])  # the elbow almost stretched
    return Rig(make_gains(q, ramp_s=0.0, **options), Plant(q))


def test_near_a_singularity_the_reference_slows_down_with_a_reason():
    speeds = []
    for threshold in (0.0, 0.5):
        rig = near_singular_rig(singular_mobility=threshold)
        rig.target = pose_target(rig.plant.state, (-0.3, 0.0, -0.2))
        reasons = {rig.tick() for _ in range(30)}
        speeds.append(np.linalg.norm(rig.loop.reference_p - rig.plant.state.p))
        assert (Reason.SINGULAR in reasons) == (threshold > 0.0)
    assert 0.0 < speeds[1] < 0.7 * speeds[0]
