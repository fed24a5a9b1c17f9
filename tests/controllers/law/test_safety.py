"""Whatever comes in, what goes out is finite and within the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.arm import ArmDynamics, ArmState, Mode, Reason, Target
from controllers.arms.spec import arm_limits
from controllers.law.gains import make_gains
from controllers.law.safety import velocity_limit
from controllers.law.tick import ControlLoop, make_controller_state, tick
from tests.controllers.plant import HOME, Rig, pose_target

LIMITS = arm_limits("fer")
GAINS = make_gains(HOME, ramp_s=0.0, wrench_max=10.0, compensate_gravity=True)

anything = st.floats(width=64) | st.floats(-3.0, 3.0)
seeds = st.integers(0, 2**32 - 1)
poisons = st.lists(st.tuples(st.integers(0, 17), st.integers(0, 48), anything), max_size=6)


def random_inputs(seed, poison=()):
    """A random arm state, model and target; `poison` overwrites single numbers: (which array, which entry, value)."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-2, 2)
    state = ArmState(*(scale * rng.normal(size=s) for s in (7, 7, 7, 3, (3, 3), 7)), np.zeros(1), np.zeros(1))
    B = rng.normal(size=(7, 7))
    dynamics = ArmDynamics(rng.normal(size=(6, 7)), B @ B.T + 0.1 * np.eye(7), *(scale * rng.normal(size=(2, 7))))
    target = Target(*(rng.normal(size=s) for s in (3, 4, 6, 6, 1)), np.zeros(1))
    target.quat_xyzw[:] /= np.linalg.norm(target.quat_xyzw)
    target.stamp_s[0] = 0.0
    fields = [*state, *dynamics, *target]
    for which, entry, value in poison:
        fields[which].flat[entry % fields[which].size] = value
    return state, dynamics, target


def check_command(state, tau, dt_s):
    """Finite, within tau_max, and within the rate of the measured torque (itself held to tau_max)."""
    assert np.isfinite(tau).all()
    assert (np.abs(tau) <= LIMITS.tau_max).all()
    if np.isfinite(state.tau).all():
        anchor = np.clip(state.tau, -LIMITS.tau_max, LIMITS.tau_max)
        assert (np.abs(tau - anchor) <= LIMITS.tau_rate_max * dt_s + 1e-9).all()


@settings(max_examples=300)
@given(seeds, poisons, anything, anything, st.sampled_from(Mode))
def test_torque_and_rate_hold_for_any_input(seed, poison, dt_s, now_s, mode):
    given_inputs = random_inputs(seed, poison)
    memory, tau = make_controller_state(7), np.full(7, np.nan)
    memory["mode"] = mode
    for _ in range(2):
        Reason(tick(ControlLoop(*given_inputs, GAINS, LIMITS, memory, tau), dt_s, now_s))
        check_command(given_inputs[0], tau, 0.010)


@given(seeds, st.floats(1e-5, 0.02))
def test_torque_rate_scales_with_the_measured_dt(seed, dt_s):
    given_inputs = random_inputs(seed)
    memory, tau = make_controller_state(7), np.zeros(7)
    for k in range(3):
        tick(ControlLoop(*given_inputs, GAINS, LIMITS, memory, tau), dt_s, k * dt_s)
        check_command(given_inputs[0], tau, min(dt_s, 0.010))


@pytest.mark.parametrize("dt_s", [0.0005, 0.001, 0.002, 0.008, 1.0])
def test_the_rate_limit_is_per_second_not_per_cycle(dt_s):
    rig = pushed_rig()
    rig.tick(dt_s)
    assert np.abs(rig.tau).max() == pytest.approx(1000.0 * min(dt_s, 0.010))


def pushed_rig(**limits):
    """A rig whose law asks for far more torque than one tick may add."""
    rig = Rig(make_gains(HOME, ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf), limits=LIMITS._replace(**limits))
    rig.target = pose_target(rig.plant.state, (0.3, 0.3, 0.3))
    return rig


def test_the_rate_limit_starts_from_the_measured_torque():
    rig = pushed_rig()
    for measured in (0.0, 5.0, -5.0):
        rig.plant.state.tau[:] = measured
        rig.tick()
        assert (np.abs(rig.tau - measured) <= 1.0 + 1e-9).all()


@pytest.mark.parametrize("limit", ["tau_max", "tau_rate_max", "dq_max"])
def test_a_limit_of_zero_is_a_limit(limit):
    rig = pushed_rig(**{limit: np.zeros(7)})
    rig.run(0.05)
    np.testing.assert_array_equal(rig.tau, 0.0)


def test_zero_power_allows_no_driving_torque_in_motion():
    rig = pushed_rig(power_max=0.0)
    for _ in range(100):
        rig.run(0.001)
        driving = rig.tau - rig.plant.dynamics.coriolis
        rig.tick()
    assert driving @ rig.plant.state.dq <= 1e-3


def test_power_is_bounded_while_the_arm_speeds_up():
    rig = pushed_rig(power_max=2.0)
    powers = []
    for _ in range(600):
        rig.run(0.001)
        powers.append((rig.tau - rig.loop.work.tau_own) @ rig.plant.state.dq)
    assert 1.0 < max(powers) < 3.0  # the rate guard may lag by a tick or two


@pytest.mark.parametrize(("dq_max", "fastest_min", "fastest_max"), [(2.0, 0.5, 2.0), (0.2, 0.15, 0.32)])
def test_joints_slow_down_at_their_velocity_limit(dq_max, fastest_min, fastest_max):
    """The rate guard lets the torque change by 1 N m a tick, so that a joint passes a low limit for a moment."""
    rig, fastest, reasons = pushed_rig(dq_max=np.full(7, dq_max)), 0.0, set()
    for _ in range(800):
        reasons.add(rig.tick())
        rig.plant.step(rig.tau)
        fastest = max(fastest, np.abs(rig.plant.state.dq).max())
    assert fastest_min < fastest < fastest_max
    assert (Reason.VELOCITY_LIMITED in reasons) == (dq_max < 1.0)


FRANKAS = (
    (0.30, 12.0, 2.7501, 2.62, 2.7501), (0.20, 5.17, 1.7918, 2.62, 1.7918), (0.20, 7.0, 2.9065, 2.62, 2.9065),
    (0.30, 8.0, -0.1458, 2.62, 3.0481), (0.35, 34.0, 2.8101, 5.26, 2.8101), (0.35, 11.0, 4.5205, 4.18, -0.54092),
    (0.35, 34.0, 3.0196, 5.26, 3.0196),
)  # fmt: skip
"""As in computeUpper- and computeLowerLimitsJointVelocity of libfranka's rate_limiting.h, by joint."""


@given(st.integers(0, 6), st.floats(-3.1, 4.7))
def test_velocity_limits_of_an_fr3_are_those_that_libfranka_computes_for_the_position(joint, q):
    offset, twice, upper, most, lower = FRANKAS[joint]
    fastest = [min(most, max(0.0, np.sqrt(max(0.0, twice * left)) - offset)) for left in (upper - q, lower + q)]
    limit = velocity_limit.py_func
    got = [limit(q, direction, arm_limits("fr3"), joint) for direction in (1.0, -1.0)]
    np.testing.assert_allclose(got, fastest, atol=1e-12)
    assert limit(q, 1.0, LIMITS, joint) == LIMITS.dq_max[joint], "an FER has one limit"


def near_a_stop(dq, pull):
    """An FR3 with joint 1 close to its stop, moving at dq, with a target that pulls it further or back."""
    rig = Rig(make_gains(HOME, ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf), limits=arm_limits("fr3"))
    rig.tick()
    rig.plant.state.q[0], rig.plant.state.dq[0] = 2.72, dq
    turned = rig.plant.dynamics.J[:3, 0] * np.sign(pull)
    rig.target = pose_target(rig.plant.state, 0.05 * turned / np.linalg.norm(turned))
    return Reason(rig.tick())


def test_a_joint_close_to_its_stop_is_braked_on_its_way_there_and_free_on_its_way_back():
    assert near_a_stop(0.4, 1.0) == Reason.VELOCITY_LIMITED
    assert near_a_stop(-0.4, -1.0) == near_a_stop(-0.4, 1.0) == Reason.OK


def test_braking_is_not_reduced_by_the_velocity_guard():
    rig = Rig(make_gains(HOME, ramp_s=0.0))
    rig.plant.data.qvel[:] = 4.0
    rig.plant.look_up()
    rig.run(0.3)
    assert np.abs(rig.plant.state.dq).max() < 1.0


def test_a_nan_measurement_of_torque_is_a_fault_anchored_on_the_last_command():
    rig = pushed_rig()
    rig.run(0.02)
    before = rig.tau.copy()
    rig.plant.state.tau[3] = np.nan
    assert rig.tick() == Reason.STATE_NOT_FINITE
    assert (np.abs(rig.tau - before) <= 1.0 + 1e-9).all()
    assert rig.memory.mode == Mode.FAULT
