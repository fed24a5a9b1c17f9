"""Arms from files outside the package in the simulator: their frames, their dynamics, and a reach under the law."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.arms.spec import ArmSpec, load_arm
from controllers.arms.values import Offset, Payload
from controllers.drivers.contract import make_feedback
from controllers.drivers.model import PinocchioModel
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import Pose
from robot_rl.sim.simulation import Simulation, plain_cell
from tests.controllers.drivers.ur_kinematics import T_base_tool0, urdf_file

TURNED = Offset(np.array([0.02, 0.0, 0.12]), np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
LOAD = Payload(1.2, np.array([0.0, 0.01, 0.05]), np.diag([2e-3, 2e-3, 1e-3]))


def ur5e(**changes: object) -> ArmSpec:
    return replace(load_arm("ur5e", model=urdf_file("ur5e")), **changes)


def test_the_tcp_of_a_ur_is_where_the_vendors_table_has_it() -> None:
    simulation = plain_cell(ur5e())
    for q in np.random.default_rng(0).uniform(-2.0, 2.0, (10, 6)):
        simulation.data.qpos[:] = q
        simulation.refresh_model()
        T = T_base_tool0("ur5e", q)
        np.testing.assert_allclose(simulation.T_base_tcp.p, T[:3, 3], atol=1e-8)
        np.testing.assert_allclose(simulation.T_base_tcp.R, T[:3, :3], atol=1e-8)


def test_dynamics_are_those_of_the_real_arms_model() -> None:
    """But for the simulator's armature."""
    arm = ur5e(payload=LOAD, tcp=TURNED)
    simulation, model, feedback = plain_cell(arm), PinocchioModel(arm), make_feedback(6)
    rng = np.random.default_rng(1)
    for _ in range(10):
        feedback.state.q[:], feedback.state.dq[:] = rng.uniform(-2.0, 2.0, (2, 6))
        simulation.data.qpos[:], simulation.data.qvel[:] = feedback.state.q, feedback.state.dq
        simulation.refresh_model()
        model.fill(feedback.state, feedback.dynamics)
        state, dynamics = simulation.loop[:2]
        np.testing.assert_allclose(state.p, feedback.state.p, atol=1e-8)
        np.testing.assert_allclose(dynamics.J, feedback.dynamics.J, atol=1e-8)
        np.testing.assert_allclose(dynamics.M - np.diag(simulation.model.dof_armature), feedback.dynamics.M, atol=1e-5)
        bias = feedback.dynamics.coriolis + feedback.dynamics.gravity
        np.testing.assert_allclose(dynamics.coriolis + dynamics.gravity, bias, atol=1e-4)


def reach(simulation: Simulation, by_m: np.ndarray, seconds: float = 2.0) -> np.ndarray:
    """Return how far from its target the arm rests."""
    goal = Pose(simulation.T_base_tcp.p + by_m, simulation.T_base_tcp.R)
    for _ in range(round(seconds / 0.1)):
        simulation.set_target(goal)
        simulation.advance(0.1)
    assert simulation.mode is Mode.ACTIVE
    return np.asarray(simulation.T_base_tcp.p - goal.p)


def test_a_ur_reaches_a_pose_under_the_law() -> None:
    assert np.linalg.norm(reach(plain_cell(ur5e()), np.array([0.0, 0.1, -0.1]))) < 2e-3


MJCF = """<mujoco><worldbody><body name="mount" pos="0 0 0.1"><body name="link1"><joint name="j1" axis="0 0 1"/>
<inertial pos="0 0 0.1" mass="1" diaginertia="0.01 0.01 0.01"/><body name="link2" pos="0 0 0.2"><joint name="j2"
axis="0 1 0"/><inertial pos="0 0 0.15" mass="0.8" diaginertia="0.01 0.01 0.002"/><body name="link3" pos="0 0 0.3"><joint
name="j3" axis="0 1 0"/><inertial pos="0 0 0.1" mass="0.5" diaginertia="0.004 0.004 0.001"/><geom size="0.03 0.1"
type="capsule"/><site name="tool" pos="0 0 0.25"/><body name="finger"><joint name="f" type="slide"/><inertial
pos="0 0 0.2" mass="0.05" diaginertia="1e-4 1e-4 1e-4"/></body></body></body></body></body></worldbody>
<actuator><position joint="j1"/><position joint="f"/></actuator><keyframe><key qpos="0 0 0 0"/></keyframe></mujoco>"""
SMALL = """
driver: simulated
model: small.xml
base_frame: mount
tcp_frame: tool
joints: [j1, j2, j3]
posture: [0.3, 0.6, 1.2]
limits: {q_lower: -3.0, q_upper: 3.0, dq_max: 4.0, tau_max: 15.0, tau_rate_max: 1000.0, power_max: 100.0}
"""


@pytest.fixture
def small(tmp_path: Path) -> ArmSpec:
    (tmp_path / "small.xml").write_text(MJCF, encoding="utf-8")
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    return load_arm(str(tmp_path / "small.yaml"))


@pytest.mark.slow  # compiles the law for three joints
def test_a_small_arm_of_an_mjcf_reaches_a_point_from_its_posture(small: ArmSpec) -> None:
    simulation = plain_cell(small)
    np.testing.assert_allclose(simulation.loop.state.q, small.posture, atol=0.02)
    assert simulation.model.nq == simulation.model.nu == 3  # the finger is part of its link
    radius = 0.3 * np.sin(0.6) + 0.25 * np.sin(1.8)
    expected = [radius * np.cos(0.3), radius * np.sin(0.3), 0.2 + 0.3 * np.cos(0.6) + 0.25 * np.cos(1.8)]
    np.testing.assert_allclose(simulation.T_base_tcp.p, expected, atol=5e-3)
    simulation.gains = simulation.gains.changed(stiffness=[800.0, 800.0, 800.0, 0.0, 0.0, 0.0])
    assert np.linalg.norm(reach(simulation, np.array([-0.05, 0.05, 0.05]))) < 3e-3


def test_a_gripper_is_mounted_at_the_arms_tcp(small: ArmSpec) -> None:
    from robot_rl.tasks.pick_lift import TASK

    bare = plain_cell(ur5e(tcp=TURNED))
    model = TASK.make_scene().build(ur5e(tcp=TURNED)).compile()
    assert model.nu == 8 and bare.model.nu == 6
    assert model.site("tcp").pos.tolist() == bare.model.site("tcp").pos.tolist()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"tcp_frame": "tool1"}, r"ur5e: tcp_frame: got 'tool1', expected a link or site of the model.*'tool0'"),
        ({"tcp_frame": "forearm_link"}, r"tcp_frame: got 'forearm_link', expected a link beyond the last joint"),
        ({"base_frame": "forearm_link"}, r"base_frame: got 'forearm_link', expected a link that does not move"),
        ({"model": "nowhere.urdf"}, r"model: got 'nowhere.urdf', expected a URDF or MJCF file"),
        ({"joints": ("a",) * 6}, r"joints: got .* expected those of"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(changes: dict[str, object], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        plain_cell(ur5e(**changes))
