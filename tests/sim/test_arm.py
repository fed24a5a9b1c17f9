"""The simulated arm against Pinocchio's Panda."""

import importlib.metadata

import mujoco
import numpy as np
import pinocchio
import pytest

from robot_rl.sim.arm import ARM_JOINTS, add_arm

MASS_TOLERANCE = 1e-6  # [kg m^2], of entries up to 3; what is left is MuJoCo's principal-axes form of the inertias


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    add_arm(spec)
    return spec.compile()


@pytest.fixture(scope="module")
def oracle() -> pinocchio.Model:
    files = importlib.metadata.files("example-robot-data") or []
    urdf = next(file for file in files if file.name == "panda.urdf")
    return pinocchio.buildModelFromUrdf(str(urdf.locate()))


def random_configurations(oracle: pinocchio.Model, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(oracle.lowerPositionLimit, oracle.upperPositionLimit, (count, oracle.nq))


def test_forward_kinematics_agree_with_pinocchio(model: mujoco.MjModel, oracle: pinocchio.Model) -> None:
    data, theirs = mujoco.MjData(model), oracle.createData()
    frame = oracle.getFrameId("panda_hand_tcp")
    for q in random_configurations(oracle, 50):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        pinocchio.framesForwardKinematics(oracle, theirs, q)
        np.testing.assert_allclose(data.site("tcp").xpos, theirs.oMf[frame].translation, atol=1e-6)
        np.testing.assert_allclose(data.site("tcp").xmat.reshape(3, 3), theirs.oMf[frame].rotation, atol=1e-6)


def test_mass_matrix_and_gravity_agree_with_pinocchio(model: mujoco.MjModel, oracle: pinocchio.Model) -> None:
    data, theirs = mujoco.MjData(model), oracle.createData()
    full = np.zeros((model.nv, model.nv))
    for q in random_configurations(oracle, 50):
        data.qpos[:] = q
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, full, data.qM)
        upper = pinocchio.crba(oracle, theirs, q)
        inertia = np.triu(upper) + np.triu(upper, 1).T
        np.testing.assert_allclose((full - np.diag(model.dof_armature))[:7, :7], inertia[:7, :7], atol=MASS_TOLERANCE)
        gravity = pinocchio.computeGeneralizedGravity(oracle, theirs, q)
        np.testing.assert_allclose(data.qfrc_bias[:7], gravity[:7], atol=1e-5)


def test_joint_limits_and_effort_are_the_published_ones(model: mujoco.MjModel, oracle: pinocchio.Model) -> None:
    for number, name in enumerate(ARM_JOINTS):
        assert model.joint(name).range == pytest.approx(
            (oracle.lowerPositionLimit[number], oracle.upperPositionLimit[number])
        )
        assert model.actuator(name).forcerange[1] == oracle.effortLimit[number]
