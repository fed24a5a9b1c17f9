"""What every robot and camera keeps: the simulated ones in this process, and the same over DDS and over rclpy."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.core.pose import Pose
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.ros_topic import GraphCamera, TopicConfig
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.hardware.robot import Robot
from robot_rl.hardware.simulated import SimulatedCamera, SimulatedRobot
from robot_rl.sim.render import SceneRenderer
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from tests.hardware.graph.served_simulation import SLICE_S, ServedSimulation, ServingClock
from tests.hardware.graph.state_server import GraphServer
from tests.hardware.graph.wires import WIRES, open_wire
from tests.hardware.scripted_arm import JOINTS

PERIOD_S = 0.1
SIZE = (48, 64)
PATIENT = GraphRobotConfig(age_max_s=2.0)  # a busy machine is slow, not wrong
PATIENT_CAMERA = TopicConfig("wrist", view=View(size=SIZE), max_age_s=5.0)


class Rig(NamedTuple):
    """A robot, its camera, and the simulation behind them."""

    robot: Robot
    camera: Camera
    simulation: Simulation
    close: Callable[[], None]


@pytest.fixture(scope="module", params=["simulated", *WIRES])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    simulation = Simulation(PICK_LIFT)
    simulation.reset(np.random.default_rng(0))
    renderer = SceneRenderer(simulation.model, *SIZE)
    camera = SimulatedCamera(simulation, "wrist", renderer)
    if request.param == "simulated":
        built = Rig(SimulatedRobot(simulation), camera, simulation, lambda: None)
    else:
        built = _served(request.param, simulation, camera)
    yield built
    built.robot.close()
    built.close()
    renderer.close()


def _served(kind: str, simulation: Simulation, camera: SimulatedCamera) -> Rig:
    server_wire, client_wire = open_wire(kind, "arm"), open_wire(kind, "actor")
    server = GraphServer(server_wire, ServedSimulation(simulation), JOINTS)

    def serve() -> None:
        simulation.advance(SLICE_S)
        server.publish_state()
        server.publish_image("wrist", camera.read().image, server_wire.now_ns())

    clock = ServingClock(serve)
    robot = GraphRobot(client_wire, clock, PATIENT)
    return Rig(robot, GraphCamera(client_wire, clock, PATIENT_CAMERA), simulation, server_wire.close)


def travel(rig: Rig, goal: Pose, finger_m: float, steps: int = 15) -> None:
    for _ in range(steps):
        rig.robot.command(goal, finger_m)
        rig.robot.wait(PERIOD_S)


def arrive(rig: Rig, goal: Pose, finger_m: float) -> None:
    """Command a pose until the arm is there: on a busy machine a command arrives late."""
    for _ in range(300):
        rig.robot.command(goal, finger_m)
        state = rig.robot.wait(PERIOD_S)
        if np.abs(state.T_base_tcp.p - goal.p).max() < 4e-3 and abs(state.finger_m - finger_m) < 2e-3:
            return
    raise AssertionError(f"the arm rests at {state.T_base_tcp.p}, {state.finger_m}")


def test_state_has_its_documented_shapes(rig: Rig) -> None:
    state = rig.robot.wait(PERIOD_S)
    assert state.T_base_tcp.p.shape == (3,) and state.T_base_tcp.R.shape == (3, 3)
    assert state.twist.shape == (6,) and state.wrench.shape == (6,)
    np.testing.assert_allclose(state.T_base_tcp.R @ state.T_base_tcp.R.T, np.eye(3), atol=1e-9)
    assert isinstance(state.finger_m, float) and isinstance(state.stamp_ns, int)
    assert state.fault == ""


def test_state_is_the_simulations(rig: Rig) -> None:
    travel(rig, rig.robot.state().T_base_tcp, 0.02)  # at rest
    state, truth = rig.robot.wait(PERIOD_S), SimulatedRobot(rig.simulation).state()
    np.testing.assert_allclose(state.T_base_tcp.p, truth.T_base_tcp.p, atol=1e-3)
    np.testing.assert_allclose(state.T_base_tcp.R, truth.T_base_tcp.R, atol=1e-2)
    np.testing.assert_allclose(state.wrench, truth.wrench, atol=0.5)
    assert state.finger_m == pytest.approx(truth.finger_m, abs=1e-3)


def test_arm_reaches_the_commanded_pose(rig: Rig) -> None:
    start = rig.robot.wait(PERIOD_S)
    goal = Pose(start.T_base_tcp.p + np.array([0.0, 0.015, 0.01]), start.T_base_tcp.R)
    arrive(rig, goal, 0.03)
    arrive(rig, start.T_base_tcp, 0.01)


def test_moving_arm_reports_its_twist(rig: Rig) -> None:
    T = rig.robot.wait(PERIOD_S).T_base_tcp
    rig.robot.command(Pose(T.p + np.array([0.0, 0.0, 0.015]), T.R), 0.02)
    assert any(rig.robot.wait(0.02).twist[2] > 0.005 for _ in range(500))
    rig.robot.command(T, 0.02)


def test_stamps_grow_by_the_period(rig: Rig) -> None:
    stamps = np.array([rig.robot.wait(PERIOD_S).stamp_ns for _ in range(6)])
    mean_s = (stamps[-1] - stamps[0]) / 5e9
    assert (np.diff(stamps) > 0).all()
    assert mean_s > 0.5 * PERIOD_S  # a busy machine is late, never early


def test_command_returns_at_once(rig: Rig) -> None:
    T = rig.robot.wait(PERIOD_S).T_base_tcp
    start = time.monotonic()
    rig.robot.command(T, 0.02)
    assert time.monotonic() - start < PERIOD_S


def test_states_belong_to_the_caller(rig: Rig) -> None:
    state = rig.robot.wait(PERIOD_S)
    kept = state.T_base_tcp.p.copy()
    rig.robot.wait(PERIOD_S)
    np.testing.assert_array_equal(state.T_base_tcp.p, kept)


def test_image_shows_the_scene(rig: Rig) -> None:
    rig.robot.wait(PERIOD_S)
    frame = rig.camera.read()
    assert frame.image.shape == (rig.camera.height, rig.camera.width, 3) == (*SIZE, 3)
    assert frame.image.dtype == np.uint8 and frame.image.std() > 5
    assert (rig.camera.name, isinstance(frame.stamp_ns, int)) == ("wrist", True)


def test_images_follow_time(rig: Rig) -> None:
    first = rig.camera.read().stamp_ns
    stamps = [first]
    while stamps[-1] == first and len(stamps) < 50:  # a step that comes late does not wait for an image
        rig.robot.wait(PERIOD_S)
        stamps.append(rig.camera.read().stamp_ns)
    assert stamps[-1] > first


def test_reading_a_image_waits_for_nothing(rig: Rig) -> None:
    rig.robot.wait(PERIOD_S)
    clock = SystemClock()
    rig.camera.read()
    start_s = clock.now_s()
    rig.camera.read()
    assert clock.now_s() - start_s < PERIOD_S
