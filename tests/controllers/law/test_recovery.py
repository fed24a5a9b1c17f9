"""Activation, watchdogs and the way back after a reflex, with a clock that the tests move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.arm import Mode, Reason
from controllers.arms.spec import arm_limits
from controllers.geometry import quat_exp, quat_multiply, rotation_error
from controllers.law.backoff import RECOVER_SPEED, TURN_M_PER_RAD
from controllers.law.gains import make_gains
from controllers.law.tick import Counter, activate, fail, recover
from tests.controllers.plant import DT_S, HOME, Plant, Rig, pose_target

GUARDED = {
    "start_checks": True,
    "state_age_max_s": 0.010,
    "state_frozen_s": 0.010,
    "recoveries_per_minute": 3.0,
    "recover_distance_m": 0.02,
}


def rig_with(plant=None, **gains):
    return Rig(make_gains(HOME, **GUARDED, **({"ramp_s": 0.1} | gains)), plant)


def test_an_arm_at_rest_is_activated():
    rig = rig_with()
    assert rig.tick() == Reason.OK and rig.loop.mode == Mode.ACTIVE


def disturb_moving(rig):
    rig.plant.state.dq[4] = 0.2


def disturb_limits(rig):
    rig.plant.state.q[0] = arm_limits("fer").q_upper[0] + 0.01


def disturb_payload(rig):
    rig.plant.state.tau[1] = -12.0


def disturb_reported_payload(rig):
    rig.plant.state = rig.plant.state._replace(tau_external=np.full(7, 9.0))


@pytest.mark.parametrize(
    ("disturb", "reason"),
    [
        (disturb_moving, Reason.START_MOVING),
        (disturb_limits, Reason.START_OUTSIDE_LIMITS),
        (disturb_payload, Reason.START_PAYLOAD_WRONG),
        (disturb_reported_payload, Reason.START_PAYLOAD_WRONG),
    ],
)
def test_activation_is_refused_by_name_until_requested_again(disturb, reason):
    rig = rig_with()
    disturb(rig)
    assert rig.tick() == reason and rig.loop.mode == Mode.IDLE
    rig.plant = Plant(HOME)
    assert rig.tick() == reason, "it stays idle, with a reason, until the next request"
    activate(rig.memory)
    assert rig.tick() == Reason.OK and rig.loop.mode == Mode.ACTIVE


def stamped_rig():
    rig = rig_with()
    rig.plant.state = rig.plant.state._replace(stamp_s=np.zeros(1))
    rig.tick()
    return rig


def test_a_state_without_news_for_ten_milliseconds_is_a_fault_without_a_held_torque():
    rig = stamped_rig()
    rig.plant.state.dq[:] = 0.5  # the last thing it said
    reasons = [rig.tick() for _ in range(15)]
    assert reasons[8] != Reason.STATE_OLD and reasons[-1] == Reason.STATE_OLD
    assert rig.loop.mode == Mode.FAULT
    for _ in range(30):
        rig.plant.state.tau[:] = rig.tau
        rig.tick()
    np.testing.assert_allclose(rig.tau, rig.plant.dynamics.coriolis, atol=1e-9)  # no damping of a speed long gone


def test_a_state_from_the_future_is_a_fault_of_the_clock():
    rig = stamped_rig()
    rig.plant.state.stamp_s[0] = 1.0
    assert rig.tick() == Reason.TIME_NOT_VALID and rig.loop.mode == Mode.FAULT


def test_a_frozen_state_with_fresh_stamps_is_found_when_it_claims_to_move():
    rig = stamped_rig()
    rig.plant.state.dq[2] = 0.3
    for _ in range(14):
        rig.plant.state.stamp_s[0] = rig.now_s
        reason = rig.tick()
    assert reason == Reason.STATE_FROZEN and rig.loop.mode == Mode.FAULT


def test_an_arm_at_rest_may_report_the_same_state_for_ever():
    rig = stamped_rig()
    for _ in range(100):
        rig.plant.state.stamp_s[0] = rig.now_s
        assert rig.tick() == Reason.OK


def test_rate_limit_follows_the_time_that_passed_where_the_arm_checks_no_cycles():
    rig = rig_with(ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf)
    rig.tick()
    rig.target = pose_target(rig.plant.state, (0.05, 0.05, 0.05))
    assert rig.tick(2 * DT_S) == Reason.OK
    assert np.abs(rig.tau - rig.plant.state.tau).max() == pytest.approx(1000.0 * 2 * DT_S)


@given(st.lists(st.tuples(st.floats(0.0002, 0.05), st.integers(0, 4)), min_size=5, max_size=40))
def test_an_arm_that_checks_each_of_its_cycles_gets_nine_tenths_of_its_step_however_late_the_host_is(cycles):
    """The host's dt, and the cycles of 1 ms that the arm counted meanwhile: none, one, or some that were lost."""
    gains = make_gains(HOME, ramp_s=0.0, filter_time_s=0.0, speed_max=np.inf)
    rig = Rig(gains, limits=arm_limits("fr3")._replace(cycle_s=0.001))
    rig.plant.state = rig.plant.state._replace(robot_s=np.zeros(1))
    rig.tick()
    acting, largest = rig.tau.copy(), 0.0
    rig.target = pose_target(rig.plant.state, (0.05, 0.05, 0.05))
    for dt_s, passed in cycles:
        rig.plant.state.robot_s[0] += passed * 0.001
        if passed:
            rig.plant.state.tau[:] = acting  # the arm repeats the last command in the cycles that it got none
        rig.tick(dt_s)
        step = np.abs(rig.tau - acting).max()
        assert step <= 0.9 + 1e-9 if passed else step == 0.0
        acting, largest = rig.tau.copy(), max(largest, step)
    assert largest == pytest.approx(0.9) or all(passed == 0 for _, passed in cycles)


def test_a_jump_of_half_a_metre_is_followed_at_the_permitted_speed():
    rig = rig_with(ramp_s=0.0, speed_max=(0.1, 0.5))
    rig.tick()
    start = rig.plant.state.p.copy()
    rig.target = pose_target(rig.plant.state, (0.0, 0.5, 0.0))
    path = rig.run(1.0)
    assert np.linalg.norm(path[-1] - start) < 0.11
    assert np.abs(np.diff(path, axis=0) / DT_S).max() < 0.2


def travelled_rig():
    """After 6 cm along y, stopped by a reflex."""
    rig = rig_with(ramp_s=0.05)
    rig.tick()
    start = rig.plant.state.p.copy()
    rig.target = pose_target(rig.plant.state, (0.0, 0.06, 0.0))
    rig.run(1.0)
    fail(rig.memory, Reason.ROBOT_STOPPED)
    rig.run(0.2)
    assert rig.loop.mode == Mode.FAULT and rig.tick() == Reason.ROBOT_STOPPED
    return rig, start


def test_after_a_reflex_the_arm_backs_off_along_its_path_and_holds():
    rig, start = travelled_rig()
    end = rig.plant.state.p.copy()
    assert recover(rig.memory, rig.gains, rig.now_s) == Reason.OK
    assert rig.tick() == Reason.RECOVERING
    rig.run(1.5, fresh=False)
    back = end[1] - rig.plant.state.p[1]
    assert rig.loop.mode in (Mode.HOLDING, Mode.DAMPING) and 0.017 < back < 0.027
    assert abs(rig.plant.state.p[0] - start[0]) < 2e-3 and abs(rig.plant.state.p[2] - start[2]) < 2e-3
    rig.target = pose_target(rig.plant.state, (0.0, 0.01, 0.0))
    assert rig.tick() == Reason.OK and rig.loop.mode == Mode.ACTIVE
    assert rig.loop.counters[Counter.RECOVERIES] == 1


def test_the_way_back_is_slow():
    rig, _ = travelled_rig()
    recover(rig.memory, rig.gains, rig.now_s)
    path = rig.run(0.4)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() / DT_S < 0.1


def turned(target, angle_rad):
    """The target's orientation turned about the tool's own axis."""
    return np.array(quat_multiply(target.quat_xyzw, quat_exp((0.0, 0.0, angle_rad))))


@pytest.mark.parametrize(("way_m", "angle_rad"), [(0.0, 1.5), (0.03, 1.0), (0.06, 0.1)], ids=["turn", "mixed", "way"])
def test_the_way_back_is_bounded_in_speed_and_length_with_its_turns(way_m, angle_rad):
    """A path that turned in place (a knob, a screw) once came back by 2 rad at 1 rad/s, in HOLDING."""
    rig = rig_with(ramp_s=0.05)
    rig.tick()
    start = Plant(HOME).state
    for step in np.linspace(0.0, 1.0, 800):
        rig.target = pose_target(start, (0.0, step * way_m, 0.0))
        rig.target.quat_xyzw[:] = turned(rig.target, step * angle_rad)
        rig.run(DT_S)
    rig.run(0.5)
    fail(rig.memory, Reason.ROBOT_STOPPED)
    rig.run(0.2)
    recover(rig.memory, rig.gains, rig.now_s)
    rig.tick()
    length_m, turn_rad, modes = 0.0, 0.0, []
    p, quat = rig.loop.reference_p.copy(), rig.loop.reference_quat_xyzw.copy()
    for _ in range(2500):
        rig.run(DT_S, fresh=False)
        step_m = np.linalg.norm(rig.loop.reference_p - p)
        step_rad = np.linalg.norm(rotation_error(quat, rig.loop.reference_quat_xyzw))
        assert step_m <= RECOVER_SPEED[0] * DT_S + 1e-12 and step_rad <= RECOVER_SPEED[1] * DT_S + 1e-12
        length_m, turn_rad = length_m + step_m, turn_rad + step_rad
        p, quat = rig.loop.reference_p.copy(), rig.loop.reference_quat_xyzw.copy()
        modes.append(rig.loop.mode)
    budget_m = rig.gains.recover_distance_m
    assert length_m < budget_m + 1e-6 and TURN_M_PER_RAD * turn_rad < budget_m + 1e-6
    assert length_m + TURN_M_PER_RAD * turn_rad > 0.9 * budget_m
    assert modes[0] == Mode.RECOVERING and Mode.HOLDING in modes


def test_an_arm_that_presses_on_what_stopped_it_may_back_off():
    rig, _ = travelled_rig()
    rig.plant.state = rig.plant.state._replace(tau_external=np.array([0.0, 10.0, 0.0, 4.0, 0.0, 0.0, 0.0]))
    recover(rig.memory, rig.gains, rig.now_s)
    assert rig.tick() == Reason.RECOVERING and rig.loop.mode == Mode.RECOVERING


@pytest.mark.parametrize(("disturb", "reason"), [
    (disturb_moving, Reason.START_MOVING), (disturb_limits, Reason.START_OUTSIDE_LIMITS),
])  # fmt: skip
def test_an_arm_that_moves_or_is_beyond_its_limits_may_not_back_off(disturb, reason):
    rig, _ = travelled_rig()
    disturb(rig)
    recover(rig.memory, rig.gains, rig.now_s)
    assert rig.tick() == reason and rig.loop.mode == Mode.FAULT


def test_a_back_off_that_cannot_move_ends_by_time():
    rig, _ = travelled_rig()
    rig.gains = rig.gains.changed(energy_max_j=0.0, energy_refill_w=0.0)
    recover(rig.memory, rig.gains, rig.now_s)
    rig.tick()
    rig.now_s += 20.0
    rig.tick()
    assert rig.loop.mode == Mode.HOLDING


def test_targets_do_not_count_while_backing_off():
    rig, _ = travelled_rig()
    recover(rig.memory, rig.gains, rig.now_s)
    taken = rig.loop.counters[Counter.TARGETS_TAKEN]
    rig.target = pose_target(rig.plant.state, (0.3, 0.3, 0.3))
    rig.run(0.1)
    assert rig.loop.mode == Mode.RECOVERING and rig.loop.counters[Counter.TARGETS_TAKEN] == taken


def test_too_many_reflexes_in_a_minute_wait_for_a_person():
    rig = rig_with()
    rig.tick()
    for _ in range(3):
        fail(rig.memory, Reason.ROBOT_STOPPED)
        assert recover(rig.memory, rig.gains, rig.now_s) == Reason.OK
        rig.tick()
        rig.now_s += 5.0
    fail(rig.memory, Reason.ROBOT_STOPPED)
    assert recover(rig.memory, rig.gains, rig.now_s) == Reason.RECOVERIES_SPENT
    rig.now_s += 120.0
    assert recover(rig.memory, rig.gains, rig.now_s) == Reason.RECOVERIES_SPENT, "only a person clears this"
    assert rig.tick() == Reason.RECOVERIES_SPENT
    activate(rig.memory)
    assert rig.tick() == Reason.OK
    fail(rig.memory, Reason.ROBOT_STOPPED)
    assert recover(rig.memory, rig.gains, rig.now_s) == Reason.OK


def test_the_budget_of_recoveries_refills_with_time():
    rig = rig_with()
    rig.tick()
    for _ in range(6):
        fail(rig.memory, Reason.ROBOT_STOPPED)
        assert recover(rig.memory, rig.gains, rig.now_s) == Reason.OK
        rig.tick()
        rig.now_s += 21.0


def test_recover_does_nothing_to_a_healthy_arm():
    rig = rig_with()
    rig.tick()
    assert recover(rig.memory, rig.gains, rig.now_s) == Reason.OK and rig.loop.mode == Mode.ACTIVE
    assert rig.loop.counters[Counter.RECOVERIES] == 0
