"""Joint motions and hand guiding of the simulated arm, under the same law as a real one."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.geometry import quat_from_matrix, rotation_error
from controllers.host.motions import MotionCommand, MotionKind, plan_joints
from controllers.law.guiding import SPEED_MAX
from controllers.law.joint_motion import TORQUE_MAX
from controllers.law.motion_check import SPEED_RAD_PER_S, link_points, pose_at
from controllers.law.tick import deactivate, fail
from controllers.ros.homing import tool_at
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import plain_cell

N = 7
ELBOW = HOME_Q + np.array([0.5, -0.3, -0.6, -0.1, 0.3, 0.3, -0.4])
WIDE = {"workspace_lower": -2.0, "workspace_upper": 2.0}


@pytest.fixture
def cell():
    simulation = plain_cell()
    simulation.gains = simulation.gains.changed(**WIDE)
    simulation.advance(TIMESTEP_S)
    simulation.refresh_model()
    return simulation


def joints(simulation, q, number=1, speed=1.0):
    return MotionCommand(MotionKind.JOINTS, number, simulation.time_s, q, speed)


def guiding(simulation, number=1):
    return MotionCommand(MotionKind.GUIDING, number, simulation.time_s, np.zeros(N))


def advance(simulation, command, seconds):
    """Let time pass with a client that is alive; return the joints (T, N)."""
    path = []
    for _ in range(round(seconds / TIMESTEP_S)):
        simulation.command_motion(command._replace(stamp_s=simulation.time_s))
        simulation.advance(TIMESTEP_S)
        path.append(simulation.loop.state.q.copy())
    return np.array(path)


def test_one_jacobian_gives_the_tools_pose_at_any_joint_positions(cell):
    rng, model, data = np.random.default_rng(1), cell.model, mujoco.MjData(cell.model)
    for _ in range(50):
        q = rng.uniform(model.jnt_range[:N, 0], model.jnt_range[:N, 1])
        data.qpos[:N] = q
        mujoco.mj_kinematics(model, data)
        p, quat = pose_at(cell.loop.state, cell.loop.dynamics.J, q)
        site = data.site("tcp")
        np.testing.assert_allclose(p, site.xpos, atol=1e-9)
        assert np.linalg.norm(rotation_error(quat, quat_from_matrix(site.xmat.reshape(3, 3)))) < 1e-6
        there = tool_at(SimpleNamespace(values=[host_values(cell)]), q)  # the node's copy, without compilation
        np.testing.assert_allclose(there[0], p, atol=1e-9)
        assert np.linalg.norm(rotation_error(quat, there[1])) < 1e-6


def host_values(cell):
    state = cell.loop.state
    return {"p": state.p, "R": state.R, "q": state.q, "J": cell.loop.dynamics.J}


def test_a_joint_motion_arrives_together_and_holds_there(cell):
    assert cell.move_joints(ELBOW) == ""
    np.testing.assert_allclose(cell.loop.state.q.copy(), ELBOW, atol=0.02)
    there = cell.T_base_tcp.p
    cell.advance(0.5)  # the posture turns the elbow, but the tool stays
    np.testing.assert_allclose(cell.T_base_tcp.p, there, atol=0.005)
    assert cell.mode in (Mode.ACTIVE, Mode.HOLDING)


def test_joints_stay_on_one_line_within_the_speed(cell):
    start, command = cell.loop.state.q.copy(), joints(cell, ELBOW, speed=0.5)
    cell.command_motion(command)
    path = advance(cell, command, cell.memory.motion.duration_s)
    speeds = np.abs(np.diff(path, axis=0)) / TIMESTEP_S
    assert speeds.max() < 0.5 * SPEED_RAD_PER_S * 1.05
    share = (path - start) / (ELBOW - start)
    assert np.ptp(share, axis=1).max() < 0.06


@pytest.mark.parametrize("speed", [0.1, 0.5, 1.0])
def test_the_tool_keeps_to_its_speed(cell, speed):
    cell.gains = cell.gains.changed(speed_max=(0.1, 0.3))
    cell.advance(TIMESTEP_S)
    plan, _ = plan_joints(cell.loop, ELBOW, speed)
    times = np.linspace(0.0, 1.0, 2000)
    s = 10 * times**3 - 15 * times**4 + 6 * times**5
    start = cell.loop.state.q.copy()
    p = np.array([pose_at(cell.loop.state, cell.loop.dynamics.J, start + x * (ELBOW - start))[0] for x in s])
    fastest = np.linalg.norm(np.diff(p, axis=0), axis=1).max() * 2000 / plan.duration_s
    assert fastest <= 0.1 * speed * 1.02


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ((1, 1.2), "lower z"),
        ((0, 2.0), "upper y"),
    ],
)
def test_a_path_beyond_a_bound_is_refused_by_its_name(cell, change, names):
    p = cell.T_base_tcp.p
    cell.gains = cell.gains.changed(workspace_lower=p - 0.2, workspace_upper=p + 0.2)
    q = cell.loop.state.q.copy()
    q[change[0]] += change[1]
    text = cell.move_joints(q)
    assert names in text and cell.mode == Mode.ACTIVE and cell.memory.motion_result == Reason.MOTION_REFUSED


def test_a_joint_beyond_its_stop_is_refused(cell):
    q = cell.loop.state.q.copy()
    q[3] = 0.1
    assert "joint 4" in cell.move_joints(q)


def test_a_path_that_leaves_the_workspace_in_between_is_refused(cell):
    left, right = cell.loop.state.q.copy(), cell.loop.state.q.copy()
    left[0], right[0] = -0.6, 0.6
    assert cell.move_joints(left) == ""
    ends_x = cell.T_base_tcp.p[0]  # of both: the path bulges out in between
    cell.gains = cell.gains.changed(planes=[[-1.0, 0.0, 0.0, -(ends_x + 0.02)]])
    assert "plane 1" in cell.move_joints(right)
    cell.gains = cell.gains.changed(planes=[[-1.0, 0.0, 0.0, -(ends_x + 0.5)]])
    assert cell.move_joints(right) == ""


def test_one_jacobian_gives_the_places_of_shoulder_elbow_and_wrist(cell):
    rng, model, data = np.random.default_rng(2), cell.model, mujoco.MjData(cell.model)
    for _ in range(20):
        data.qpos[:N] = rng.uniform(model.jnt_range[:N, 0], model.jnt_range[:N, 1])
        mujoco.mj_forward(model, data)
        state, J = moved_state(cell, data)
        points = np.zeros((N, 3))
        link_points(state, J, points)
        for joint in (1, 3, 5, 6):  # whose axis meets the one before, or is offset from it, at its body's origin
            np.testing.assert_allclose(points[joint], data.xpos[model.jnt_bodyid[joint]], atol=1e-6)


def moved_state(cell, data):
    """The arm's state and Jacobian at the joint positions of `data`."""
    J, site = np.zeros((6, cell.model.nv)), data.site("tcp")
    mujoco.mj_jacSite(cell.model, data, J[:3], J[3:], site.id)
    state = cell.loop.state._replace(q=data.qpos[:N].copy(), p=site.xpos.copy(), R=site.xmat.reshape(3, 3).copy())
    return state, np.ascontiguousarray(J[:, :N])


def test_a_motion_whose_elbow_meets_a_wall_behind_it_is_refused_although_the_tool_is_free(cell):
    model, data = cell.model, mujoco.MjData(cell.model)
    back = data.qpos[:N] = cell.loop.state.q + np.array([0.0, -0.6, 0.0, -0.4, 0.0, 0.0, 0.0])
    mujoco.mj_kinematics(model, data)
    elbow_x = data.xpos[model.jnt_bodyid[3]][0]
    assert elbow_x < -0.15 and data.site("tcp").xpos[0] > 0.1
    for behind_m, named in ((0.02, True), (0.10, False)):
        cell.gains = cell.gains.changed(planes=[[1.0, 0.0, 0.0, elbow_x - behind_m]])
        text = plan_joints(cell.loop, back, 1.0)[1]
        assert ("link 3 (at joint 4) 0.0" in text and "plane 1" in text) if named else text == ""


def test_an_arm_beyond_a_bound_may_come_back_but_not_go_further(cell):
    p = cell.T_base_tcp.p
    cell.gains = cell.gains.changed(workspace_lower=[-2, -2, p[2] + 0.03], workspace_upper=2.0)
    q = cell.loop.state.q.copy()
    down, up = q.copy(), q.copy()
    down[1], up[1] = q[1] + 0.1, q[1] - 0.1
    assert "lower z" in plan_joints(cell.loop, down, 1.0)[1] and plan_joints(cell.loop, up, 1.0)[1] == ""


@pytest.mark.parametrize("stop", [lambda m: deactivate(m), lambda m: fail(m, Reason.ROBOT_STOPPED)])
def test_every_stop_ends_a_joint_motion(cell, stop):
    command = joints(cell, ELBOW)
    advance(cell, command, 0.5)
    stop(cell.memory)
    advance(cell, command, 1.0)
    assert cell.mode in (Mode.IDLE, Mode.FAULT)
    if cell.mode == Mode.FAULT:
        assert np.abs(cell.loop.state.dq).max() < 0.02


def test_a_silent_client_ends_the_motion_and_the_arm_holds(cell):
    advance(cell, joints(cell, ELBOW), 0.6)
    cell.advance(cell.gains.hold_after_s + 0.1)
    assert cell.memory.motion_result == Reason.MOTION_LOST and cell.mode == Mode.HOLDING
    cell.advance(0.5)
    assert np.linalg.norm(cell.twist()[:3]) < 0.01


def test_the_command_of_an_ended_motion_restarts_nothing(cell):
    command = joints(cell, ELBOW)
    advance(cell, command, 0.3)
    cell.advance(cell.gains.hold_after_s + 0.1)
    advance(cell, command, 0.3)
    assert cell.mode in (Mode.HOLDING, Mode.DAMPING)


def test_contact_stops_a_joint_motion_gently(cell):
    command = joints(cell, ELBOW)
    advance(cell, command, 0.4)
    at = cell.loop.state.q.copy()[0]
    blocked = []
    for _ in range(1500):  # something stiff holds joint 1
        cell.data.qfrc_applied[0] = -2000.0 * (cell.loop.state.q.copy()[0] - at) - 50.0 * cell.loop.state.dq[0]
        blocked.append(cell.data.qfrc_applied[0])
        cell.command_motion(command._replace(stamp_s=cell.time_s))
        cell.advance(TIMESTEP_S)
        if cell.memory.motion_result != Reason.MOVING_JOINTS:
            break
    assert cell.memory.motion_result == Reason.MOTION_BLOCKED and cell.mode == Mode.HOLDING
    assert np.abs(blocked[100:]).max() < TORQUE_MAX + 5.0


def test_targets_during_a_joint_motion_change_nothing(cell):
    command = joints(cell, ELBOW)
    elsewhere = cell.T_base_tcp
    for _ in range(1500):
        cell.command_motion(command._replace(stamp_s=cell.time_s))
        cell.set_target(elsewhere)
        cell.advance(TIMESTEP_S)
        if cell.memory.motion_result == Reason.OK:
            break
    np.testing.assert_allclose(cell.loop.state.q.copy(), ELBOW, atol=0.02)


def test_a_guided_arm_gives_way_stays_where_it_is_put_and_holds_there(cell):
    command, start = guiding(cell), cell.T_base_tcp.p
    for _ in range(800):  # a hand pushes with 4 N
        cell.data.qfrc_applied[:N] = cell.loop.dynamics.J[:3].T @ np.array([0.0, 4.0, 0.0])
        cell.command_motion(command._replace(stamp_s=cell.time_s))
        cell.advance(TIMESTEP_S)
    cell.data.qfrc_applied[:] = 0.0
    moved = cell.T_base_tcp.p - start
    assert cell.mode == Mode.GUIDING and moved[1] > 0.05
    advance(cell, command, 1.5)
    there = cell.T_base_tcp.p
    advance(cell, command, 1.0)
    assert np.linalg.norm(cell.T_base_tcp.p - there) < 0.01
    cell.command_motion(MotionCommand(MotionKind.NONE, 2, cell.time_s, np.zeros(N)))
    there = cell.T_base_tcp.p
    cell.advance(0.2)
    assert cell.mode == Mode.HOLDING and np.linalg.norm(cell.T_base_tcp.p - there) < 0.005


def test_a_hand_that_throws_the_arm_ends_the_guiding(cell):
    command = guiding(cell)
    fastest = 0.0
    for _ in range(1500):
        cell.data.qfrc_applied[:N] = cell.loop.dynamics.J[:3].T @ np.array([0.0, 40.0, 0.0])
        cell.command_motion(command._replace(stamp_s=cell.time_s))
        cell.advance(TIMESTEP_S)
        if cell.memory.motion_result != Reason.GUIDED:
            break
        fastest = np.linalg.norm(cell.twist()[:3])
    assert cell.memory.motion_result == Reason.MOTION_TOO_FAST and fastest <= SPEED_MAX[0] + 0.02


def test_an_idle_arm_is_not_moved(cell):
    deactivate(cell.memory)
    cell.advance(TIMESTEP_S)
    assert "IDLE" in cell.move_joints(ELBOW) and "IDLE" in cell.command_motion(guiding(cell, 9))


def test_a_hand_that_leads_the_tool_out_of_its_workspace_ends_the_guiding_at_the_edge(cell):
    p = cell.T_base_tcp.p
    cell.gains = cell.gains.changed(workspace_lower=p - 0.05, workspace_upper=p + 0.05)
    cell.advance(TIMESTEP_S)
    command = guiding(cell)
    for _ in range(1500):
        cell.data.qfrc_applied[:N] = cell.loop.dynamics.J[:3].T @ np.array([0.0, 4.0, 0.0])
        cell.command_motion(command._replace(stamp_s=cell.time_s))
        cell.advance(TIMESTEP_S)
        if cell.memory.motion_result != Reason.GUIDED:
            break
    assert cell.memory.motion_result == Reason.MOTION_OUTSIDE and cell.T_base_tcp.p[1] < p[1] + 0.075
