"""The simulated workcell under the controller."""

import mujoco
import numpy as np
import pytest

from controllers.arm import Reason
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.pose import Pose, gripper_down, yaw_of
from robot_rl.sim import inverse_kinematics
from robot_rl.sim.render import SceneRenderer
from robot_rl.sim.scene import CAMERAS, VARIED_APPEARANCE
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.stepping import fill_dynamics
from robot_rl.tasks.peg_insert import TASK as PEG_INSERT
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.tasks.pick_lift import cube_yaw


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(PICK_LIFT)


def test_model_terms_from_packed_arrays_equal_mujocos(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(0))
    model, data = simulation.model, simulation.data
    mujoco.mj_forward(model, data)
    dynamics = simulation.loop.dynamics
    fill_dynamics(simulation.views, simulation.loop.state.p, dynamics)
    jacobian, full = np.zeros((6, model.nv)), np.zeros((model.nv, model.nv))
    mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], model.site("tcp").id)
    mujoco.mj_fullM(model, full, data.qM)
    np.testing.assert_allclose(dynamics.J, jacobian[:, :7], atol=1e-12)
    np.testing.assert_allclose(dynamics.M, full[:7, :7], atol=1e-12)


def test_arm_stands_still_after_a_reset(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(1))
    start = simulation.T_base_tcp
    for _ in range(10):
        simulation.set_target(start)
        assert simulation.advance(0.1) == Reason.OK
    np.testing.assert_allclose(simulation.T_base_tcp.p, start.p, atol=2e-4)


def test_arm_reaches_its_target(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(2))
    start = simulation.T_base_tcp
    goal = gripper_down(start.p + np.array([0.02, -0.02, -0.03]), yaw_of(start.R) + 0.2)
    for _ in range(20):
        simulation.set_target(goal)
        simulation.advance(0.1)
    np.testing.assert_allclose(simulation.T_base_tcp.p, goal.p, atol=5e-4)
    np.testing.assert_allclose(simulation.T_base_tcp.R, goal.R, atol=5e-3)


def test_wrench_is_zero_in_the_air_and_the_push_on_the_table(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(3))
    start = simulation.T_base_tcp
    for _ in range(10):
        simulation.set_target(start)
        simulation.advance(0.1)
    np.testing.assert_allclose(simulation.wrench(), np.zeros(6), atol=0.02)
    above = Pose(np.array([0.38, -0.1, 0.1]), start.R)  # beside the cube's square
    press = Pose(np.array([0.38, -0.1, -0.005]), start.R)
    for goal in (above,) * 20 + (press,) * 20:
        simulation.set_target(goal)
        simulation.advance(0.1)
    stiffness = simulation.task.arm.gains.stiffness_n_per_m
    pushed = stiffness * (simulation.T_base_tcp.p[2] - press.p[2])
    force_on_hand = simulation.T_base_tcp.R @ simulation.wrench()[:3]
    assert force_on_hand[2] == pytest.approx(pushed, rel=0.1)
    assert force_on_hand[2] > 3.0


def test_late_target_holds_the_pose(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(4))
    assert simulation.advance(0.3) == Reason.TARGET_LATE


def test_same_seed_gives_the_same_motion_bit_for_bit(simulation: Simulation) -> None:
    def run() -> np.ndarray:
        simulation.reset(np.random.default_rng(5))
        goal = Pose(simulation.T_base_tcp.p - np.array([0.0, 0.0, 0.1]), simulation.T_base_tcp.R)
        for _ in range(10):
            simulation.set_target(goal)
            simulation.advance(0.1)
        return np.concatenate([simulation.data.qpos, simulation.data.qvel, simulation.wrench()])

    np.testing.assert_array_equal(run(), run())


def test_pose_out_of_reach_is_refused(simulation: Simulation) -> None:
    with pytest.raises(ConfigError, match="within the arm's reach"):
        inverse_kinematics.solve(
            simulation.model, mujoco.MjData(simulation.model), gripper_down(np.array([1.5, 0, 0.2]))
        )


def test_peg_has_less_than_half_a_millimetre_and_sits_when_inserted() -> None:
    simulation = Simulation(PEG_INSERT)
    simulation.reset(np.random.default_rng(0))
    assert not any(simulation.outcome())
    simulation.data.qpos[7:9] = 0.03
    assert simulation.outcome().failure  # the part is lost with the grip


def test_varied_appearance_changes_images_and_not_the_physics() -> None:
    plain, varied = Simulation(PICK_LIFT), Simulation(PICK_LIFT, VARIED_APPEARANCE)
    for simulation in (plain, varied):
        simulation.reset(np.random.default_rng(7))
    np.testing.assert_array_equal(plain.data.joint("cube").qpos, varied.data.joint("cube").qpos)
    images = []
    for simulation in (plain, varied):
        renderer = SceneRenderer(simulation.model, 64, 64)
        images.append({camera: renderer.render(simulation.data, camera).copy() for camera in CAMERAS})
        with pytest.raises(UnknownNameError, match="side"):
            renderer.render(simulation.data, "sid")
        renderer.close()
    assert all(np.abs(images[0][c].astype(int) - images[1][c]).mean() > 5 for c in CAMERAS)


def test_closing_on_the_cube_never_throws_it(simulation: Simulation) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        simulation.reset(rng)
        cube = simulation.data.body("cube")
        grasp = gripper_down(cube.xpos + np.array([0.0, 0.0, 0.01]), cube_yaw(simulation.data))
        above = Pose(grasp.p + np.array([0.0, 0.0, 0.08]), grasp.R)
        for step in range(35):
            target = above if step < 15 else grasp
            here = simulation.T_base_tcp.p
            simulation.set_target(Pose(here + np.clip(target.p - here, -0.03, 0.03), target.R))
            simulation.set_finger(0.0 if step >= 25 else 0.04)
            simulation.advance(0.1)
            assert np.linalg.norm(simulation.data.joint("cube").qvel[:3]) < 0.5
        assert np.linalg.norm(cube.xpos - simulation.T_base_tcp.p) < 0.02
