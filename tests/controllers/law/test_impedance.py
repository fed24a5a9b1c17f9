"""The law on a Panda model: statics, step response, passivity, nullspace, singularities, delays."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from controllers.arm import Mode
from controllers.geometry import quat_from_matrix, rotation_error
from controllers.law.gains import make_gains
from tests.controllers.plant import HOME, Plant, Rig, free_limits, pose_target

BARE = {"ramp_s": 0.0, "filter_time_s": 0.0, "speed_max": np.inf, "force_limit": 1e3}
WIDE = {"clip_lower": -0.1, "clip_upper": 0.1}


def turned(R_before, R_after):
    return np.array(rotation_error(quat_from_matrix(R_before), quat_from_matrix(R_after)))


@pytest.mark.parametrize("axis", range(6))
def test_a_known_wrench_displaces_by_force_over_stiffness(axis):
    """10 N at 600 N/m = 16.7 mm, 1 N m at 30 N m/rad = 33.3 mrad."""
    rig, wrench = Rig(make_gains(HOME, ramp_s=0.0)), np.zeros(6)
    wrench[axis] = 10.0 if axis < 3 else 1.0
    p, R = rig.plant.state.p.copy(), rig.plant.state.R.copy()
    rig.run(2.0, wrench)
    moved = np.r_[rig.plant.state.p - p, turned(R, rig.plant.state.R)]
    np.testing.assert_allclose(moved, wrench / rig.gains.stiffness, atol=1e-4)


def step_overshoot(axis, **settings):
    rig = Rig(make_gains(HOME, posture_stiffness=0.0, **BARE, **WIDE, **settings), limits=free_limits())
    step = 0.05 * np.eye(3)[axis]
    rig.target = pose_target(rig.plant.state, step)
    path = rig.run(1.5) - (rig.target.p - step)
    return path[:, axis].max() / 0.05 - 1.0, abs(path[-1, axis] - 0.05)


@pytest.mark.parametrize("axis", range(3))
def test_critical_damping_does_not_overshoot(axis):
    overshoot, rest = step_overshoot(axis)
    assert overshoot < 0.001 and rest < 0.001


def test_constant_damping_is_not_critical():
    """The textbook's 2 sqrt(K) ignores the arm's inertia: 27 % beyond a step of 5 cm."""
    constant = 2.0 * np.sqrt([600.0] * 3 + [30.0] * 3)
    assert step_overshoot(0, constant_damping=constant)[0] == pytest.approx(0.27, abs=0.02)


@pytest.mark.parametrize("posture_stiffness", [0.0, 10.0])
@pytest.mark.parametrize("damping_ratio", [0.7, 1.0])
def test_energy_never_grows_without_input(posture_stiffness, damping_ratio):
    gains = make_gains(
        HOME,
        damping_ratio=damping_ratio,
        posture_stiffness=posture_stiffness,
        posture_damping=5.0,
        clip_lower=-1.0,
        clip_upper=1.0,
        **BARE,
    )
    rig = Rig(gains, limits=free_limits())
    rig.plant.data.qvel[:] = np.random.default_rng(0).normal(scale=0.5, size=7)
    rig.plant.look_up()
    rig.target = pose_target(rig.plant.state, (0.05, 0.02, -0.05))
    energies = []
    for _ in range(1000):
        rig.run(0.001)
        state = rig.plant.state
        e = np.r_[rig.target.p - state.p, rotation_error(quat_from_matrix(state.R), rig.target.quat_xyzw)]
        energies.append(rig.plant.kinetic_energy() + 0.5 * e @ (gains.stiffness * e))
    assert np.diff(energies).max() < 1e-9
    assert energies[-1] < 0.01 * energies[0]


def null_displacement(gains):
    """How far the TCP moves [m, rad] while the posture draws the arm through its nullspace."""
    rig = Rig(gains)
    p, R, largest = rig.plant.state.p.copy(), rig.plant.state.R.copy(), np.zeros(2)
    rig.gains = gains.replaced(posture=HOME + np.array([0.05, 0, -0.05, 0, 0, 0, 0]))
    for _ in range(1000):
        rig.run(0.001)
        away = np.linalg.norm(rig.plant.state.p - p), np.linalg.norm(turned(R, rig.plant.state.R))
        largest = np.maximum(largest, away)
    assert abs(rig.plant.state.q[0] - HOME[0]) > 0.02
    return largest


def test_nullspace_motion_leaves_the_tool_still():
    metres, radians = null_displacement(make_gains(HOME, ramp_s=0.0))
    assert metres < 1.5e-5 and radians < 4e-5


def test_the_posture_accelerates_no_part_of_the_tool():
    rng = np.random.default_rng(0)
    for _ in range(20):
        gains = make_gains(HOME + rng.normal(scale=0.3, size=7), ramp_s=0.0, stiffness=0.0)
        rig = Rig(gains, Plant(HOME + rng.normal(scale=0.3, size=7)), limits=free_limits())
        rig.plant.state.dq[:] = rng.normal(scale=0.3, size=7)
        rig.tick()
        J, M = rig.plant.dynamics.J, rig.plant.dynamics.M
        assert np.abs(rig.loop.work.tau_posture).max() > 0.01
        np.testing.assert_allclose(J @ np.linalg.solve(M, rig.loop.work.tau_posture), 0.0, atol=1e-10)


def test_the_posture_torque_is_bounded_and_zero_switches_it_off():
    far = make_gains(HOME + 1.0, ramp_s=0.0, posture_stiffness=1e4, posture_torque_max=5.0)
    rig = Rig(far, Plant(HOME))
    rig.tick()
    assert np.abs(rig.loop.work.tau_posture).max() == pytest.approx(5.0)
    rig.gains = far.replaced(posture_torque_max=0.0)
    rig.tick()
    assert np.abs(rig.loop.work.tau_posture).max() == 0.0


def test_isotropic_gains_do_not_see_the_task_frame():
    torques = []
    for R in (np.eye(3), Rotation.from_rotvec([0.3, -0.5, 1.0]).as_matrix()):
        rig = Rig(make_gains(HOME, task_R=R, **BARE), limits=free_limits())
        rig.target = pose_target(rig.plant.state, (0.01, -0.02, 0.015))
        rig.tick()
        torques.append(rig.tau.copy())
    np.testing.assert_allclose(torques[0], torques[1], atol=1e-9)


def test_clips_apply_along_the_axes_of_the_task_frame():
    """The task's z lies along the base's x and has the narrow clip: a far target along x pulls with its force."""
    R = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    clip = np.array([0.05, 0.05, 0.002, 0.1, 0.1, 0.1])
    rig = Rig(make_gains(HOME, task_R=R, **(BARE | {"clip_lower": -clip, "clip_upper": clip})), limits=free_limits())
    rig.target = pose_target(rig.plant.state, (0.04, 0.0, 0.0))
    rig.tick()
    F = np.linalg.lstsq(rig.plant.dynamics.J.T, rig.tau, rcond=None)[0]
    np.testing.assert_allclose(F[:3], [600.0 * 0.002, 0.0, 0.0], atol=1e-6)


def test_error_clips_may_differ_between_the_two_sides():
    gains = make_gains(HOME, **(BARE | {"clip_lower": -0.002, "clip_upper": 0.0055}))
    for side, force in ((1.0, 600 * 0.0055), (-1.0, -600 * 0.002)):
        rig = Rig(gains, limits=free_limits())
        rig.target = pose_target(rig.plant.state, (0.0, 0.0, side * 0.04))
        rig.tick()
        F = np.linalg.lstsq(rig.plant.dynamics.J.T, rig.tau, rcond=None)[0]
        assert F[2] == pytest.approx(force, rel=1e-6)


SINGULAR = [np.zeros(7), np.array([0, 0.3, 0, -0.0698, 0, 0.2, 0]), np.array([0, 0, 0, -np.pi / 2, 0, 0, 0])]


@pytest.mark.parametrize("q", SINGULAR)
def test_a_singular_arm_stays_bounded_and_comes_to_rest(q):
    rig = Rig(make_gains(q, ramp_s=0.0), Plant(q))
    rig.target = pose_target(rig.plant.state, (0.1, 0.05, 0.2))
    fastest = 0.0
    for _ in range(2000):
        rig.run(0.001)
        fastest = max(fastest, np.abs(rig.plant.state.dq).max())
    assert fastest < 2.175 * 1.1 and np.abs(rig.plant.state.dq).max() < 0.6
    assert rig.loop.mode == Mode.ACTIVE


@pytest.mark.parametrize("delay_ticks", [1, 5, 11])
def test_the_loop_tolerates_delays_of_several_milliseconds(delay_ticks):
    rig = Rig(make_gains(HOME, ramp_s=0.0), limits=free_limits(), delay_ticks=delay_ticks)
    rig.target = pose_target(rig.plant.state, (0.03, 0.0, 0.0))
    path = rig.run(1.0)
    assert np.abs(path[-1] - rig.target.p).max() < 1e-3
    assert path[:, 0].max() - rig.target.p[0] < 1e-3


def test_a_half_turn_from_gripper_down_is_followed_without_a_jump():
    """At HOME the gripper points down, a rotation by exactly pi: turning about the vertical crosses every wrap."""
    rig = Rig(make_gains(HOME, ramp_s=0.0, speed_max=(0.5, 3.0)))
    start = Rotation.from_matrix(rig.plant.state.R)
    p, jump = rig.plant.state.p.copy(), 0.0
    for k in range(1600):
        rig.target.quat_xyzw[:] = (Rotation.from_rotvec([0, 0, 0.001 * (k - 800)]) * start).as_quat()
        if k % 2:
            rig.target.quat_xyzw[:] *= -1.0  # the other name of the same rotation
        before = rig.tau.copy()
        rig.run(0.001)
        jump = max(jump, np.abs(rig.tau - before).max() if k > 0 else 0.0)
    goal = Rotation.from_quat(rig.target.quat_xyzw)
    assert (Rotation.from_matrix(rig.plant.state.R) * goal.inv()).magnitude() < 0.3
    assert np.linalg.norm(rig.plant.state.p - p) < 6e-3
    assert jump <= 1.0 + 1e-9


def test_gravity_is_commanded_only_on_request():
    for compensate in (False, True):
        rig = Rig(make_gains(HOME, compensate_gravity=compensate), Plant(HOME, gravity=True), limits=free_limits())
        rig.tick()
        expected = rig.plant.dynamics.gravity if compensate else np.zeros(7)
        np.testing.assert_allclose(rig.tau, expected, atol=1e-9)


def test_an_arm_that_carries_gravity_holds_its_pose():
    rig = Rig(make_gains(HOME, compensate_gravity=True), Plant(HOME, gravity=True))
    p = rig.plant.state.p.copy()
    rig.run(0.5)
    assert np.linalg.norm(rig.plant.state.p - p) < 1e-4
