"""The model of an arm that does not compute its own: derivatives and energies as the oracle."""

from __future__ import annotations

import importlib.metadata

import numpy as np
import pinocchio
import pytest

from controllers.arms.spec import Payload
from controllers.drivers.contract import Feedback, make_feedback
from controllers.drivers.model import PinocchioModel
from tests.controllers.drivers.driver_rigs import ur5_model

STEP = 1e-6


def filled(q: np.ndarray, dq: np.ndarray) -> Feedback:
    feedback = make_feedback(6)
    feedback.state.q[:], feedback.state.dq[:] = q, dq
    ur5_model().fill(feedback.state, feedback.dynamics)
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
    files = importlib.metadata.files("example-robot-data") or []
    model = pinocchio.buildModelFromUrdf(str(next(f for f in files if f.name == "ur5_robot.urdf").locate()))
    tau = pinocchio.rnea(model, model.createData(), q, dq, ddq)
    np.testing.assert_allclose(dynamics.M @ ddq + dynamics.coriolis + dynamics.gravity, tau, atol=1e-9)


def test_frame_that_is_not_there_is_refused() -> None:
    files = importlib.metadata.files("example-robot-data") or []
    urdf = str(next(f for f in files if f.name == "ur5_robot.urdf").locate())
    with pytest.raises(ValueError, match="frame: got 'tool1'"):
        PinocchioModel(urdf, "tool1")


def test_a_payload_weighs_at_its_centre_of_mass_and_turns_with_its_inertia(at: tuple[np.ndarray, np.ndarray]) -> None:
    q, dq = at
    files = importlib.metadata.files("example-robot-data") or []
    urdf = str(next(file for file in files if file.name == "ur5_robot.urdf").locate())
    payload = Payload(1.5, np.array([0.02, -0.01, 0.08]), np.diag([1e-3, 2e-3, 3e-3]))
    bare, loaded = filled(q, dq), make_feedback(6)
    loaded.state.q[:], loaded.state.dq[:] = q, dq
    PinocchioModel(urdf, "tool0", payload=payload).fill(loaded.state, loaded.dynamics)
    R, J = bare.state.R, bare.dynamics.J
    arm = R @ payload.com_m
    cross = np.cross(np.eye(3), arm).T
    J_com = J[:3] + cross @ J[3:]  # v + omega x r
    weight = J_com.T @ np.array([0.0, 0.0, 9.81 * payload.mass_kg])
    np.testing.assert_allclose(loaded.dynamics.gravity - bare.dynamics.gravity, weight, atol=1e-9)
    M = payload.mass_kg * J_com.T @ J_com + J[3:].T @ R @ payload.inertia_kg_m2 @ R.T @ J[3:]
    np.testing.assert_allclose(loaded.dynamics.M - bare.dynamics.M, M, atol=1e-9)
