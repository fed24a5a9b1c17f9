"""Joint stops and workspace: soft springs on the arm, a hard limit on the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from controllers.arm import Mode, Reason
from controllers.arms.spec import arm_limits
from controllers.law.gains import make_gains
from tests.controllers.plant import HOME, Plant, Rig, free_limits, pose_target

FER = arm_limits("fer")
QUICK = {"ramp_s": 0.0, "filter_time_s": 0.0, "speed_max": np.inf}


def rig_with(plant=None, limits=None, gains=None, **options):
    return Rig(make_gains(HOME, **options, **({"ramp_s": 0.0} | (gains or {}))), plant, limits)


def near_stop(joint, depth, side):
    q = HOME.copy()
    q[joint] = (FER.q_upper if side > 0 else FER.q_lower)[joint] - side * (0.15 - depth)
    return Plant(q)


def wall_torque(joint, depth, side, speed=0.0):
    """What the walls add to the law's torque in each joint."""
    torques = []
    for margin in (0.0, 0.15):
        rig = rig_with(near_stop(joint, depth, side), free_limits()._replace(q_lower=FER.q_lower, q_upper=FER.q_upper),
                       joint_margin_rad=margin)  # fmt: skip
        rig.plant.state.dq[joint] = speed
        rig.tick()
        torques.append(rig.tau.copy())
    return torques[1] - torques[0]


@pytest.mark.parametrize("joint", range(7))
@pytest.mark.parametrize("side", [-1, 1])
def test_a_joint_near_its_stop_is_pushed_back_and_no_other(joint, side):
    push = wall_torque(joint, 0.1, side)
    assert -side * push[joint] > 1.0
    np.testing.assert_allclose(np.delete(push, joint), 0.0, atol=1e-9)


def test_the_wall_begins_smoothly_and_damps_the_way_out_only():
    assert abs(wall_torque(3, 1e-4, 1)[3]) < 1e-4
    still, out, back = (wall_torque(3, 0.1, 1, speed)[3] for speed in (0.0, 0.5, -0.5))
    assert out < still - 1.0 and back == pytest.approx(still, abs=1e-9)


def test_a_target_beyond_a_stop_does_not_drive_a_joint_through_it():
    """Turning the gripper by 2.4 rad would take joint 7 beyond its 2.9 rad; with walls the rest of the arm gives in."""
    reached = []
    for margin in (0.0, 0.15):
        rig = rig_with(gains={"posture_stiffness": 0.0}, joint_margin_rad=margin)
        down = Rotation.from_quat(rig.target.quat_xyzw)
        rig.target.quat_xyzw[:] = (Rotation.from_rotvec([0.0, 0.0, -2.4]) * down).as_quat()
        rig.run(4.0)
        reached.append(rig.plant.state.q[6])
    assert reached[0] > FER.q_upper[6] > reached[1] > 1.5
    assert rig.loop.mode == Mode.ACTIVE


BOX = {"workspace_lower": (0.2, -0.3, 0.1), "workspace_upper": (0.6, 0.3, 0.8)}
SLOPE = (0.0, -0.6, -0.8, -0.6)  # 0.6 y + 0.8 z <= 0.6
CONE = {"cone_rad": 0.3, "planes": [SLOPE], "clip_targets": True}
positions = st.tuples(*[st.floats(-2.0, 2.0)] * 3)
rotations = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


def tilt(quat):
    return np.arccos(np.clip(-Rotation.from_quat(quat).as_matrix()[2, 2], -1.0, 1.0))


@settings(max_examples=60)
@given(positions, rotations)
def test_the_reference_never_leaves_box_planes_and_cone(p, quat):
    rig = rig_with(gains=BOX | QUICK, limits=free_limits(), **CONE)
    rig.target.p[:], rig.target.quat_xyzw[:] = p, np.array(quat) / np.linalg.norm(quat)
    for _ in range(3):
        assert rig.tick() == Reason.OK
        ref = rig.loop.reference_p
        assert (ref >= np.array(BOX["workspace_lower"]) - 1e-9).all()
        assert (ref <= np.array(BOX["workspace_upper"]) + 1e-9).all()
        assert 0.6 * ref[1] + 0.8 * ref[2] <= 0.6 + 1e-9
        assert tilt(rig.loop.reference_quat_xyzw) <= 0.3 + 1e-6


SHARP = [(0.0, 1.0, 0.3, 0.1), (0.0, -1.0, 0.3, 0.1)]  # a wedge upside down: 0.3 z >= 0.1 + |y|


def test_the_reference_finds_the_nearest_point_of_a_sharp_corner():
    """Face by face it would come nearer by a part of the way each time, and never quite."""
    rig = rig_with(gains=QUICK, limits=free_limits(), planes=SHARP, clip_targets=True)
    rig.target.p[:] = (0.4, 0.02, 0.1)
    assert rig.tick() == Reason.OK
    np.testing.assert_allclose(rig.loop.reference_p, (0.4, 0.0, 0.1 / 0.3), atol=1e-9)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_a_clipped_target_lies_in_the_box_and_before_all_planes(seed):
    rng = np.random.default_rng(seed)
    inside, normals = rng.uniform((0.25, -0.25, 0.15), (0.55, 0.25, 0.75)), rng.normal(size=(4, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    planes = np.c_[normals, normals @ inside - rng.uniform(0.01, 0.3, 4)]
    rig = rig_with(gains=BOX | QUICK, limits=free_limits(), planes=planes, clip_targets=True)
    rig.target.p[:] = inside + rng.normal(size=3)
    assert rig.tick() == Reason.OK
    goal = rig.loop.reference_p
    assert (planes[:, :3] @ goal >= planes[:, 3] - 1e-9).all()
    assert (np.array(BOX["workspace_lower"]) - 1e-9 <= goal).all()
    assert (goal <= np.array(BOX["workspace_upper"]) + 1e-9).all()


def test_a_workspace_without_room_holds_the_reference():
    planes = [(0.0, 0.0, 1.0, 0.9), (0.0, 0.0, -1.0, 0.1)]  # z >= 0.9 and z <= -0.1
    rig = rig_with(gains=QUICK, limits=free_limits(), planes=planes, clip_targets=True)
    rig.target = pose_target(rig.plant.state, (0.2, 0.1, 0.0))
    start = rig.plant.state.p.copy()
    for _ in range(3):
        rig.tick()
    np.testing.assert_allclose(rig.loop.reference_p, start, atol=1e-12)


def tilted(angle, azimuth, yaw=0.0):
    """Gripper down, tilted to somewhere, then turned about its own axis."""
    down = Rotation.from_rotvec([np.pi + angle, 0.0, 0.0]) * Rotation.from_rotvec([0.0, 0.0, yaw])
    return Rotation.from_rotvec([0.0, 0.0, azimuth]) * down


@pytest.mark.parametrize("clip_targets", [True, False])
def test_between_two_orientations_in_the_cone_the_reference_stays_in_it(clip_targets):
    """The short arc between the last two, tilted elsewhere and turned back, would tilt by 0.39 rad on its way."""
    rig = rig_with(gains={"filter_time_s": 0.0}, cone_rad=0.3, clip_targets=clip_targets, limits=free_limits())
    rig.tick()
    worst = 0.0
    for goal in (tilted(0.0, 0.0), tilted(0.29, 0.0), tilted(0.29, 1.5, -1.5)):
        rig.target.quat_xyzw[:] = goal.as_quat()
        for _ in range(2500):
            rig.tick()
            worst = max(worst, tilt(rig.loop.reference_quat_xyzw))
        arrived = (Rotation.from_quat(rig.loop.reference_quat_xyzw).inv() * goal).magnitude()
        assert arrived < 1e-6
    assert 0.28 < worst <= 0.3 + 1e-6


def test_a_reference_outside_the_cone_comes_back_no_faster_than_it_may_turn():
    tipped = HOME.copy()
    tipped[5] += 0.4
    gains = {"filter_time_s": 0.0, "speed_max": (0.5, 0.5)}
    rig = rig_with(Plant(tipped), free_limits(), gains, cone_rad=0.1, clip_targets=True)
    rig.tick()
    for _ in range(50):
        before = Rotation.from_quat(rig.loop.reference_quat_xyzw)
        rig.tick()
        turned = (Rotation.from_quat(rig.loop.reference_quat_xyzw) * before.inv()).magnitude()
        assert turned == pytest.approx(0.5 * 0.001, rel=1e-3)


def test_an_empty_energy_account_does_not_hold_the_reference_back_to_outside_the_cone():
    """What the account can pay of a turn is a part of the short arc, which leaves the cone at once."""
    tipped = HOME.copy()
    tipped[5] += 0.3
    options = {"cone_rad": 0.301, "clip_targets": True, "energy_max_j": 0.02, "energy_refill_w": 0.5}
    rig = rig_with(Plant(tipped), free_limits(), QUICK, **options)
    rig.tick()
    about = [Rotation.from_rotvec([0.0, 0.0, angle]) for angle in (1.5, -1.5)]
    rig.target.quat_xyzw[:] = (about[0] * Rotation.from_matrix(rig.plant.state.R) * about[1]).as_quat()
    for _ in range(40):
        assert rig.tick() == Reason.ENERGY_LIMITED
        assert tilt(rig.loop.reference_quat_xyzw) <= 0.301 + 1e-6


@pytest.mark.parametrize(
    ("p", "turn"), [((0.0, 0.0, 0.6), (0, 0, 0)), ((0, 0.3, 0.1), (0, 0, 0)), ((0, 0, 0), (0.4, 0, 0))]
)
def test_without_clipping_a_target_outside_is_dropped(p, turn):
    rig = rig_with(gains=BOX, **(CONE | {"clip_targets": False}))
    rig.tick()
    rig.target = pose_target(rig.plant.state, p)
    rig.target.quat_xyzw[:] = (Rotation.from_rotvec(turn) * Rotation.from_quat(rig.target.quat_xyzw)).as_quat()
    assert rig.tick() == Reason.TARGET_OUTSIDE_WORKSPACE


def test_an_arm_that_sits_outside_is_led_back_without_a_jump():
    rig = rig_with(gains=BOX | {"workspace_upper": (0.25, 0.3, 0.8), "speed_max": (0.1, 1.0)}, **CONE)
    rig.tick()
    start = rig.loop.reference_p.copy()
    rig.run(0.1)
    assert 0.001 < np.linalg.norm(rig.loop.reference_p - start) <= 0.1 * 0.1 + 1e-9


def test_the_fence_pushes_back_inside_its_margin_with_a_bounded_force():
    rig = rig_with(gains=BOX, fence_margin_m=0.05, fence_force_max=(20.0, 1.0))
    p = rig.plant.state.p.copy()
    forces = []
    for edge in (p[0] + 0.06, p[0] + 0.03, p[0] - 0.5):
        inner = rig_with(gains=BOX | {"workspace_upper": (edge, 0.3, 0.8), "workspace_lower": (-1, -1, 0)},
                         limits=free_limits(), fence_margin_m=0.05, fence_force_max=(20.0, 1.0))  # fmt: skip
        inner.tick()
        forces.append(np.linalg.lstsq(inner.plant.dynamics.J.T, inner.tau, rcond=None)[0])
    assert np.abs(forces[0]).max() < 1e-9
    assert -20.0 < forces[1][0] < -5.0
    assert forces[2][0] == pytest.approx(-20.0) and np.abs(forces[2][1:]).max() < 1e-6


def test_pushing_the_tool_against_the_wall_meets_a_force():
    def reached(margin):
        rig = rig_with(gains=BOX | {"workspace_upper": (0.35, 0.3, 0.8)}, fence_margin_m=margin)
        rig.run(1.5, np.array([15.0, 0, 0, 0, 0, 0]))
        return rig.plant.state.p[0]

    assert reached(0.05) < reached(0.0) - 0.003


def test_the_cone_turns_the_tool_back():
    rig = rig_with(cone_rad=0.2, fence_margin_rad=0.2, limits=free_limits())
    tipped = HOME.copy()
    tipped[5] += 0.3
    rig = rig_with(Plant(tipped), free_limits(), cone_rad=0.2, fence_margin_rad=0.2)
    rig.tick()
    moment = np.linalg.lstsq(rig.plant.dynamics.J.T, rig.tau, rcond=None)[0][3:]
    axis = np.cross(rig.plant.state.R[:, 2], [0.0, 0.0, -1.0])
    assert moment @ axis / np.linalg.norm(axis) == pytest.approx(10.0, rel=1e-6)


@pytest.mark.parametrize("bad", [[(0, 0, 0, 1)], [(0, 0, 1, np.nan)], [(0, 0, 1, 0)] * 5])
def test_planes_without_a_normal_or_too_many_are_refused(bad):
    with pytest.raises(ValueError, match="planes"):
        make_gains(HOME, planes=bad)
