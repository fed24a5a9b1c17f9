"""The simulated arm as a driver: the same physics as the simulation, and the firmware's part."""

import numpy as np
import pytest

from controllers.arm import Target
from controllers.drivers.contract import DriverMode
from controllers.geometry import quat_from_matrix
from controllers.law.tick import tick
from robot_rl.core.pose import Pose
from robot_rl.sim.driver import HOLD_S, SimulatedDriver
from robot_rl.sim.scene import TIMESTEP_S
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.testing import FakeClock

STEPS = 50


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(PICK_LIFT)


def goal_of(simulation: Simulation) -> Pose:
    start = simulation.T_base_tcp
    return Pose(start.p - np.array([0.0, 0.02, 0.05]), start.R)


def positions(simulation: Simulation) -> np.ndarray:
    return np.concatenate([simulation.data.qpos, simulation.data.qvel])


def test_loop_outside_moves_the_arm_as_the_loop_inside_bit_for_bit(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(5))
    goal = goal_of(simulation)
    simulation.set_target(goal)
    simulation.advance(STEPS * TIMESTEP_S)
    inside = positions(simulation)

    simulation.reset(np.random.default_rng(5))
    driver = SimulatedDriver(simulation)
    driver.connect()
    state, dynamics = driver.feedback[:2]
    target = Target(goal.p.copy(), np.array(quat_from_matrix(goal.R)), np.zeros(6), np.zeros(6), np.zeros(1))
    target.stamp_s[0] = simulation.time_s
    tau = np.zeros(7)
    for _ in range(STEPS):
        loop = simulation.loop._replace(state=state, dynamics=dynamics, target=target, tau=tau)
        tick(loop, TIMESTEP_S, simulation.time_s)
        assert driver.write(tau)
        assert driver.read().mode is DriverMode.RUNNING
    np.testing.assert_array_equal(positions(simulation), inside)


def test_firmware_holds_the_arm_without_commands(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(1))
    driver = SimulatedDriver(simulation)
    driver.connect()
    start = driver.feedback.state.q.copy()
    for _ in range(1000):
        driver.read()
    np.testing.assert_allclose(driver.feedback.state.q, start, atol=1e-3)
    assert np.abs(driver.feedback.state.dq).max() < 1e-3


def test_firmware_stops_a_joint_that_runs_away(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(1))
    driver = SimulatedDriver(simulation)
    driver.connect()
    tau = driver.feedback.state.tau.copy()
    tau[0] += 60.0
    while driver.write(tau):
        reading = driver.read()
    assert "joint_velocity_violation" in reading.reason
    for _ in range(500):
        driver.read()
    assert np.abs(driver.feedback.state.dq).max() < 0.05


@pytest.mark.parametrize("axis", range(3))
def test_firmware_brakes_with_its_time_constant_down_to_rest(simulation: Simulation, axis: int) -> None:
    simulation.reset(np.random.default_rng(1))
    driver = SimulatedDriver(simulation)
    driver.connect()
    state, dynamics = driver.feedback[:2]
    move(simulation, driver, 0.05 * np.eye(3)[axis] * (1.0, 1.0, -1.0), duration_s=1.0)
    speed = tool_speed(dynamics.J, state.dq)
    driver.stop()
    for _ in range(round(4.0 * HOLD_S / TIMESTEP_S)):
        driver.read()
    assert speed == pytest.approx(0.05, rel=0.1)
    assert tool_speed(dynamics.J, state.dq) < speed * np.exp(-3.5)


def move(simulation: Simulation, driver: SimulatedDriver, velocity: np.ndarray, duration_s: float) -> None:
    """Move the tool at a velocity [m/s], by targets."""
    start, tau = simulation.T_base_tcp, np.zeros(7)
    target = Target(start.p.copy(), np.array(quat_from_matrix(start.R)), np.zeros(6), np.zeros(6), np.zeros(1))
    state, dynamics = driver.feedback[:2]
    for _ in range(round(duration_s / TIMESTEP_S)):
        target.p[:] += velocity * TIMESTEP_S
        target.stamp_s[0] = simulation.time_s
        loop = simulation.loop._replace(state=state, dynamics=dynamics, target=target, tau=tau)
        tick(loop, TIMESTEP_S, simulation.time_s)
        driver.write(tau)
        driver.read()


def tool_speed(jacobian: np.ndarray, dq: np.ndarray) -> float:
    """Return the tool's speed [m/s]."""
    return float(np.linalg.norm((jacobian @ dq)[:3]))


def test_paced_arm_moves_on_without_a_late_host(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(1))
    clock = FakeClock(3.0)
    driver = SimulatedDriver(simulation, clock)
    driver.connect()
    start_s = simulation.time_s
    driver.read()
    assert clock.now_s() == pytest.approx(3.0 + TIMESTEP_S)
    clock.advance(0.1)
    driver.read()
    assert simulation.time_s - start_s == pytest.approx(clock.now_s() - 3.0)


def test_contact_with_the_table_shows_as_external_torque(simulation: Simulation) -> None:
    simulation.reset(np.random.default_rng(3))
    driver = SimulatedDriver(simulation)
    driver.connect()
    assert np.abs(driver.feedback.state.tau_external).max() < 1e-6
    above = simulation.T_base_tcp
    for height in (0.1, -0.005):
        simulation.set_target(Pose(np.array([0.38, -0.1, height]), above.R))
        for _ in range(20):
            simulation.set_target(Pose(np.array([0.38, -0.1, height]), above.R))
            simulation.advance(0.1)
    driver.connect()
    state, dynamics, _ = driver.feedback
    push = np.linalg.lstsq(dynamics.J.T, state.tau_external, rcond=None)[0]
    stiffness = simulation.task.arm.gains.stiffness_n_per_m
    assert push[2] == pytest.approx(stiffness * (state.p[2] + 0.005), rel=0.15)
