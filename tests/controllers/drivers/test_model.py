"""The model of an arm that does not compute its own: derivatives and energies as the oracle."""

import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pinocchio
import pytest

from controllers.arms.model_file import find_model
from controllers.arms.spec import load_arm
from controllers.arms.values import PARTS, ArmFileError, Payload
from controllers.drivers.contract import Feedback, make_feedback
from controllers.drivers.model import PinocchioModel
from tests.controllers.drivers.driver_rigs import ur5e_model
from tests.controllers.drivers.ur_kinematics import JOINTS, T_base_tool0, joint_element, urdf, urdf_file

STEP = 1e-6
LIMIT = '<axis xyz="0 1 0"/><limit lower="0" upper="0.04" effort="10" velocity="1"/>'


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">]><robot name="b"><link name="&a;"/></robot>'


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_document_type_of_a_model_is_refused_before_its_entities_expand(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    path.write_bytes(BOMB.encode(coding))
    with pytest.raises(ArmFileError, match="document type 'b', expected URDF or MJCF without"):
        find_model(str(path))


def filled(q: np.ndarray, dq: np.ndarray) -> Feedback:
    feedback = make_feedback(6)
    feedback.state.q[:], feedback.state.dq[:] = q, dq
    ur5e_model().fill(feedback.state, feedback.dynamics)
    return feedback


@pytest.fixture(params=range(5))
def at(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(request.param)
    return rng.uniform(-2.0, 2.0, 6), rng.uniform(-1.0, 1.0, 6)


def test_jacobian_is_the_derivative_of_the_pose_in_the_bases_axes(at: tuple[np.ndarray, np.ndarray]) -> None:
    q, dq = at
    here, there = filled(q, dq), filled(q + STEP * dq, dq)
    twist = here.dynamics.J @ dq
    np.testing.assert_allclose((there.state.p - here.state.p) / STEP, twist[:3], atol=1e-5)
    spin = (there.state.R - here.state.R) / STEP @ here.state.R.T
    np.testing.assert_allclose([spin[2, 1], spin[0, 2], spin[1, 0]], twist[3:], atol=1e-5)


def test_mass_matrix_is_symmetric_and_positive(at: tuple[np.ndarray, np.ndarray]) -> None:
    M = filled(*at).dynamics.M
    np.testing.assert_array_equal(M, M.T)
    assert np.linalg.eigvalsh(M).min() > 0.0


def test_equation_of_motion_holds_together(at: tuple[np.ndarray, np.ndarray]) -> None:
    """M ddq + C dq + g equals the inverse dynamics of Pinocchio's recursive Newton-Euler."""
    q, dq = at
    ddq = np.linspace(-1.0, 1.0, 6)
    dynamics = filled(q, dq).dynamics
    model = pinocchio.buildModelFromUrdf(urdf_file("ur5e"))
    tau = pinocchio.rnea(model, model.createData(), q, dq, ddq)
    np.testing.assert_allclose(dynamics.M @ ddq + dynamics.coriolis + dynamics.gravity, tau, atol=1e-9)


def vendors_urdf(name: str) -> str:
    """The URDF of a vendor's description package, as example-robot-data distributes it."""
    files = importlib.metadata.files("example-robot-data") or []
    return str(next(file for file in files if file.name == name).locate())


@pytest.mark.parametrize("arm", ["ur3e", "ur5e", "ur10e"])
def test_a_urs_tcp_is_that_of_the_vendors_table_in_the_controllers_frame(arm: str) -> None:
    tcp = PARTS["tcp"]({"xyz_m": [0.0, 0.0, 0.1], "rpy_rad": [0.0, 0.0, 1.0]}, 6)
    model = PinocchioModel(replace(load_arm(arm, model=urdf_file(arm)), tcp=tcp))
    for q in np.random.default_rng(0).uniform(-3.0, 3.0, (20, 6)):
        T, feedback = T_base_tool0(arm, q), make_feedback(6)
        feedback.state.q[:] = q
        model.fill(feedback.state, feedback.dynamics)
        np.testing.assert_allclose(feedback.state.p, T[:3, 3] + 0.1 * T[:3, 2], atol=1e-9)
        turn = np.array([[np.cos(1.0), -np.sin(1.0), 0.0], [np.sin(1.0), np.cos(1.0), 0.0], [0.0, 0.0, 1.0]])
        np.testing.assert_allclose(feedback.state.R, T[:3, :3] @ turn, atol=1e-9)


def test_the_vendors_own_urdf_has_its_tcp_where_the_table_has_it() -> None:
    model = PinocchioModel(load_arm("ur5e", model=vendors_urdf("ur5_robot.urdf")))
    for q in np.random.default_rng(0).uniform(-3.0, 3.0, (20, 6)):
        feedback, T = make_feedback(6), T_base_tool0("ur5", q)
        feedback.state.q[:] = q
        model.fill(feedback.state, feedback.dynamics)
        np.testing.assert_allclose(feedback.state.p, T[:3, 3], atol=1e-6)


def test_continuous_joints_and_joints_of_a_gripper_do_not_reach_the_law(tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    slide = joint_element("slide", "prismatic", "tool0", "finger", ((0, 0, 0), (0, 0, 0)), LIMIT)
    text = (
        urdf("ur5e")
        .replace('type="revolute"', 'type="continuous"', 1)
        .replace("</robot>", f'<link name="finger"/>{slide}</robot>')
    )
    path.write_text(text)
    model, feedback = PinocchioModel(load_arm("ur5e", model=str(path))), make_feedback(6)
    model.fill(feedback.state, feedback.dynamics)
    np.testing.assert_allclose(feedback.state.p, T_base_tool0("ur5e", np.zeros(6))[:3, 3], atol=1e-9)


MJCF = """<mujoco><worldbody><body name="link1" pos="0 0 0.3"><joint name="j1" axis="0 0 1"/><inertial pos="0 0 0.1"
mass="2" diaginertia="0.02 0.02 0.01"/><body name="link2" pos="0 0 0.2"><joint name="j2" axis="0 1 0"/><inertial
pos="0 0 0.1" mass="1" diaginertia="0.01 0.01 0.01"/><site name="tool" pos="0 0 0.25"/><body name="finger"><joint
name="f" type="slide"/><inertial pos="0 0 0" mass="0.1" diaginertia="1e-4 1e-4 1e-4"/></body></body></body></worldbody>
</mujoco>"""
TWO_JOINTS = """
driver: effort
joints: [j1, j2]
posture: [0.0, 0.5]
limits: {q_lower: -2.0, q_upper: 2.0, dq_max: 1.0, tau_max: 20.0, tau_rate_max: 100.0, power_max: 50.0}
model: arm.xml
tcp_frame: tool
"""


def test_an_mjcf_is_as_good_as_a_urdf(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(MJCF)
    (tmp_path / "arm.yaml").write_text(TWO_JOINTS)
    model, feedback = PinocchioModel(load_arm(str(tmp_path / "arm.yaml"))), make_feedback(2)
    feedback.state.q[:] = 0.0, 0.5
    model.fill(feedback.state, feedback.dynamics)
    np.testing.assert_allclose(feedback.state.p, [0.25 * np.sin(0.5), 0.0, 0.5 + 0.25 * np.cos(0.5)], atol=1e-9)
    weight = 9.81 * np.sin(0.5) * 1.0 * 0.1  # of link2; the finger's is at the joint
    np.testing.assert_allclose(feedback.dynamics.gravity, [0.0, -weight], atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"tcp_frame": "tool1"}, r"ur5e: tcp_frame: got 'tool1', expected a link of the model: one of .*'tool0'"),
        ({"base_frame": "forearm_link"}, r"base_frame: got 'forearm_link', expected a link that does not move"),
        (
            {"joints": ("a", *JOINTS[1:])},
            r"joints: got \['a'.*expected those of .*ur5e.urdf in its order",
        ),
        ({"joints": (JOINTS[1], JOINTS[0], *JOINTS[2:])}, r"in its order: \['shoulder_pan_joint'"),
        ({"model": "nowhere.urdf"}, r"model: got 'nowhere.urdf', expected a URDF or MJCF file; there is none at /"),
        ({"model": "package://nowhere/a.urdf"}, r"expected a file of an installed package 'nowhere'; source ROS"),
        ({"model": ""}, r"model: got nothing, expected it for the driver 'ur'"),
    ],
)
def test_a_model_that_does_not_fit_the_arms_file_is_refused(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(ArmFileError, match=error):
        PinocchioModel(replace(load_arm("ur5e", model=urdf_file("ur5e")), **changes))


def test_xacro_is_refused_with_the_command_that_expands_it(tmp_path: Path) -> None:
    for name, text in (
        ("ur.urdf.xacro", "<robot/>"),
        ("ur.urdf", '<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:include filename="x"/></robot>'),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ArmFileError, match=rf"run: ros2 run xacro xacro {tmp_path / name} .* > ur.urdf"):
            find_model(str(tmp_path / name))
    for text, found in (("<sdf/>", "<sdf>"), ("no xml", "syntax error")):
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(ArmFileError, match=found):
            find_model(str(tmp_path / "a.xml"))


def test_a_package_path_is_found_in_ros_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "share" / "lab_description" / "urdf" / "arm.urdf"
    file.parent.mkdir(parents=True)
    file.write_text("<robot/>")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/nothing:{tmp_path}")
    assert find_model("package://lab_description/urdf/arm.urdf").path == file


def test_the_inertia_of_the_drives_is_added_to_the_joints_own(at: tuple[np.ndarray, np.ndarray]) -> None:
    inertia = PARTS["rotor_inertia"]([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6)
    bare, driven = filled(*at), make_feedback(6)
    driven.state.q[:], driven.state.dq[:] = at
    arm = replace(load_arm("ur5e", model=urdf_file("ur5e")), rotor_inertia=inertia)
    PinocchioModel(arm).fill(driven.state, driven.dynamics)
    np.testing.assert_allclose(driven.dynamics.M - bare.dynamics.M, np.diag(inertia), atol=1e-12)
    np.testing.assert_allclose(driven.dynamics.coriolis, bare.dynamics.coriolis, atol=1e-12)


def test_a_payload_weighs_at_its_centre_of_mass_and_turns_with_its_inertia(at: tuple[np.ndarray, np.ndarray]) -> None:
    q, dq = at
    payload = Payload(1.5, np.array([0.02, -0.01, 0.08]), np.diag([1e-3, 2e-3, 3e-3]))
    bare, loaded = filled(q, dq), make_feedback(6)
    loaded.state.q[:], loaded.state.dq[:] = q, dq
    arm = replace(load_arm("ur5e", model=urdf_file("ur5e")), payload=payload)
    PinocchioModel(arm).fill(loaded.state, loaded.dynamics)
    R, J = bare.state.R, bare.dynamics.J
    arm = R @ payload.com_m
    cross = np.cross(np.eye(3), arm).T
    J_com = J[:3] + cross @ J[3:]  # v + omega x r
    weight = J_com.T @ np.array([0.0, 0.0, 9.81 * payload.mass_kg])
    np.testing.assert_allclose(loaded.dynamics.gravity - bare.dynamics.gravity, weight, atol=1e-9)
    M = payload.mass_kg * J_com.T @ J_com + J[3:].T @ R @ payload.inertia_kg_m2 @ R.T @ J[3:]
    np.testing.assert_allclose(loaded.dynamics.M - bare.dynamics.M, M, atol=1e-9)
