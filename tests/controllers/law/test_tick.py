"""Modes of the loop: activation, the ladder of late targets, faults."""

import hashlib
import re
import shutil

import numba
import numpy as np
import pytest

from controllers import compilation
from controllers.arm import ArmDynamics, ArmState, Mode, Reason
from controllers.arms.spec import arm_limits
from controllers.law.control_loop import check_shapes
from controllers.law.gains import make_gains
from controllers.law.presets import preset
from controllers.law.tick import ControlLoop, Counter, activate, deactivate, make_controller_state, tick
from tests.controllers.plant import HOME, Plant, Rig, pose_target


def test_activation_starts_from_the_present_pose():
    rig = Rig(make_gains(HOME))
    rig.run(0.3)
    assert rig.tick() == Reason.OK and rig.loop.mode == Mode.ACTIVE
    assert np.linalg.norm(rig.plant.state.q - HOME) < 1e-9


def test_stiffness_ramps_up_after_activation():
    rig = Rig(make_gains(HOME, ramp_s=0.5))
    scales = []
    for _ in range(600):
        rig.tick()
        scales.append(float(rig.loop.stiffness_scale))
    assert scales[0] < 0.01 and scales[249] == pytest.approx(0.5, abs=0.01) and scales[-1] == 1.0


def test_a_target_from_before_the_activation_is_not_executed():
    rig = Rig(make_gains(HOME, ramp_s=0.0))
    rig.target = pose_target(rig.plant.state, (0.1, 0.0, 0.0), stamp_s=-0.001)
    assert rig.tick(fresh=False) == Reason.TARGET_OUT_OF_ORDER
    assert np.linalg.norm(rig.loop.goal.p - rig.plant.state.p) == 0.0


def test_reactivation_starts_from_the_measured_torque():
    rig = Rig(make_gains(HOME))
    rig.run(0.05)
    activate(rig.memory)
    rig.plant.state.tau[:] = 8.0
    rig.tick()
    np.testing.assert_allclose(rig.tau, 7.0)  # 8 N m less one tick at 1000 N m/s


def test_stale_target_holds_the_pose():
    rig = Rig(make_gains(HOME, ramp_s=0.0, damp_after_s=2.0, speed_max=(0.2, 1.0)))
    rig.target = pose_target(rig.plant.state, (0.1, 0.0, 0.0))
    rig.run(0.1)
    rig.run(0.25, fresh=False)
    assert rig.loop.mode == Mode.HOLDING
    held = rig.loop.goal.p.copy()
    rig.run(0.8, fresh=False)
    np.testing.assert_array_equal(rig.loop.goal.p, held)
    assert rig.tick(fresh=False) == Reason.TARGET_LATE
    assert np.linalg.norm(rig.plant.state.p - held) < 0.005
    assert np.abs(rig.plant.state.dq).max() < 0.1
    assert held[0] < rig.target.p[0] - 0.01  # it did not go on to the stale target
    assert rig.loop.counters[Counter.HOLDS] == 1


def test_late_targets_do_not_drop_the_force_that_carries_a_load():
    """Each late target once took the measured pose as the goal: a jittering client let the load sink step by step."""
    rig, load = Rig(make_gains(HOME, ramp_s=0.0)), np.array([0.0, 0.0, -6.0, 0.0, 0.0, 0.0])
    start = rig.plant.state.p[2]
    rig.run(0.6, load)
    for _ in range(3):
        path = rig.run(0.2, load, fresh=False)
        assert rig.loop.mode == Mode.HOLDING
        rig.target = pose_target(rig.plant.state)  # a client that starts from where the arm is
        rig.target.p[2] = rig.loop.reference_p[2]
        rig.run(0.05, load)
    assert start - path[:, 2].min() < 1.1 * 6.0 / 600.0


def test_feed_forward_ends_with_the_target():
    rig = Rig(make_gains(HOME, ramp_s=0.0, wrench_max=10.0))
    rig.target.wrench[2] = -8.0
    rig.run(0.05)
    rig.run(0.2, fresh=False)
    np.testing.assert_array_equal(rig.loop.goal.wrench, 0.0)


def test_when_targets_are_gone_stiffness_ramps_away_and_damping_stays():
    rig = Rig(make_gains(HOME, ramp_s=0.1))
    rig.run(0.2)
    rig.run(0.7, fresh=False)
    assert rig.loop.mode == Mode.DAMPING and rig.loop.stiffness_scale == 0.0
    assert rig.tick(fresh=False) == Reason.TARGET_GONE
    rig.run(0.5, np.array([5.0, 0, 0, 0, 0, 0]), fresh=False)  # pushed, it yields slowly
    rig.run(0.3, fresh=False)
    assert rig.loop.damping[0, 0] > 10.0
    assert np.abs(rig.plant.state.dq).max() < 0.1


def test_a_fresh_target_after_silence_starts_from_where_the_arm_is():
    rig = Rig(make_gains(HOME, ramp_s=0.1))
    rig.run(0.2)
    rig.run(1.0, np.array([5.0, 0, 0, 0, 0, 0]), fresh=False)
    rig.target = pose_target(Plant(HOME).state)
    rig.tick()
    assert rig.loop.mode == Mode.ACTIVE
    assert np.linalg.norm(rig.loop.reference_p - rig.plant.state.p) < 1e-3
    assert rig.loop.stiffness_scale < 0.05


def test_a_client_that_dies_leaves_no_torque_behind():
    rig = Rig(make_gains(HOME, ramp_s=0.0, posture_stiffness=0.0))
    rig.target = pose_target(rig.plant.state, (0.1, 0.0, 0.0))
    rig.run(0.1)
    assert np.abs(rig.tau).max() > 1.0
    rig.run(1.5, fresh=False)
    assert np.abs(rig.tau).max() < 0.05


def test_idle_floats_and_activate_wakes():
    rig = Rig(make_gains(HOME))
    deactivate(rig.memory)
    assert rig.tick() == Reason.IDLE
    np.testing.assert_array_equal(rig.tau, 0.0)
    activate(rig.memory)
    assert rig.tick() == Reason.OK


def break_mass(rig):
    rig.plant.dynamics.M[:] = -np.eye(7)


def break_gains(rig):
    rig.gains = rig.gains.replaced(stiffness=np.full(6, np.nan))


FAULTS = [
    (lambda rig: rig.plant.state.q.fill(np.nan), Reason.STATE_NOT_FINITE),
    (lambda rig: rig.plant.state.dq.fill(np.inf), Reason.STATE_NOT_FINITE),
    (lambda rig: rig.plant.state.R.fill(np.nan), Reason.STATE_NOT_FINITE),
    (lambda rig: rig.plant.dynamics.J.fill(np.nan), Reason.DYNAMICS_NOT_FINITE),
    (lambda rig: rig.plant.dynamics.coriolis.fill(np.nan), Reason.DYNAMICS_NOT_FINITE),
    (break_mass, Reason.MASS_MATRIX_NOT_POSITIVE),
    (break_gains, Reason.COMMAND_NOT_FINITE),
]


@pytest.mark.parametrize(("break_it", "reason"), FAULTS)
def test_a_fault_is_named_brakes_the_arm_and_lasts_until_activation(break_it, reason):
    rig = Rig(make_gains(HOME, ramp_s=0.0))
    good = rig.gains
    rig.plant.data.qvel[:] = 0.5
    rig.plant.look_up()
    rig.run(0.01)
    break_it(rig)
    assert rig.tick() == reason
    assert rig.loop.mode == Mode.FAULT
    rig.gains = good
    rig.plant.look_up()
    rig.run(0.5)
    assert rig.tick() == reason, "a good tick must not clear a fault"
    assert np.abs(rig.plant.state.dq).max() < 0.05
    assert rig.loop.counters[Counter.FAULTS] == 1
    activate(rig.memory)
    assert rig.tick() == Reason.OK


@pytest.mark.parametrize("dt_s", [0.0, -0.001, np.nan, np.inf])
def test_a_bad_clock_is_a_fault(dt_s):
    rig = Rig(make_gains(HOME))
    rig.tick()
    assert rig.tick(dt_s) == Reason.TIME_NOT_VALID
    assert np.isfinite(rig.tau).all()


def test_missed_deadlines_are_counted():
    rig = Rig(make_gains(HOME))
    for dt_s in (0.001, 0.011, 0.001, 0.5):
        rig.tick(dt_s)
    assert rig.loop.counters[Counter.DEADLINES_MISSED] == 2
    assert rig.loop.counters[Counter.TICKS] == 4


@pytest.mark.slow
def test_the_tick_runs_inside_compiled_code_as_it_does_from_python():
    @numba.njit
    def run(ticks, loop):
        reason = -1
        for k in range(ticks):
            loop.target.stamp_s[0] = k * 0.001
            reason = tick(loop, 0.001, k * 0.001)
        return reason

    rig, memory, tau = Rig(make_gains(HOME)), make_controller_state(7), np.zeros(7)
    rig.target = pose_target(rig.plant.state, (0.01, 0.0, 0.0))
    for _ in range(100):
        rig.tick()
    assert run(100, rig.arrays._replace(memory=memory, tau=tau)) == Reason.OK
    np.testing.assert_array_equal(tau, rig.tau)
    np.testing.assert_array_equal(memory.damping, rig.loop.damping)


@pytest.mark.slow
def test_the_tick_serves_arms_of_six_joints():
    """Random model terms of a UR: the loop starts, follows, and its command stays within the arm's limits."""
    rng, limits = np.random.default_rng(0), arm_limits("ur5e")
    B = rng.normal(size=(6, 6))
    dynamics = ArmDynamics(rng.normal(size=(6, 6)), B @ B.T + np.eye(6), np.zeros(6), np.zeros(6))
    state = ArmState(np.zeros(6), np.zeros(6), np.zeros(6), np.zeros(3), np.eye(3))
    gains, memory, tau = preset("guarded", np.zeros(6)), make_controller_state(6), np.zeros(6)
    target = pose_target(state, (0.01, 0.0, 0.0))
    loop = ControlLoop(state, dynamics, target, gains, limits, memory, tau)
    check_shapes(loop)
    for k in range(100):
        target.stamp_s[0] = k * 0.001
        assert tick(loop, 0.001, k * 0.001) == Reason.OK
        state.tau[:] = tau
    assert memory.mode == Mode.ACTIVE and (np.abs(tau) <= limits.tau_max).all() and np.abs(tau).max() > 0.0


def test_machine_code_is_kept_by_the_state_of_the_sources(tmp_path):
    (tmp_path / "law").mkdir()
    (tmp_path / "law" / "spring.py").write_text("K = 600")
    before = compilation.source_digest(tmp_path)
    (tmp_path / "law" / "spring.py").write_text("K = 601")
    assert compilation.source_digest(tmp_path) != before
    assert len(before) == hashlib.sha256().digest_size // 2
    assert compilation.source_digest() in str(compilation.cache_folder())


def test_every_file_with_compiled_functions_counts_for_the_machine_code(tmp_path):
    """A file that does not would be edited, and the old law would run on."""
    shutil.copytree(compilation.HERE, tmp_path / "c", ignore=shutil.ignore_patterns("__pycache__"))
    before = compilation.source_digest(tmp_path / "c")
    for path in (tmp_path / "c").rglob("*.py"):
        text = path.read_text()
        if re.search(r"from controllers\.compilation import .*\b(compiled|inner|pasted|unlocked)\b", text):
            path.write_text(text + "# changed\n")
            assert compilation.source_digest(tmp_path / "c") != before, path
            path.write_text(text)
    assert compilation.source_digest(tmp_path / "c") == before
