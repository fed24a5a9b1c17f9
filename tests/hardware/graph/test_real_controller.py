"""A real arm's controller and the training's client meet: with a gripper, without one, and without a wrist sensor."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controllers.drivers.grippers.contract import GripperSpec
from controllers.drivers.grippers.process import GripperProcess
from controllers.law.presets import preset
from controllers.ros import graph
from controllers.ros.controller import Controller
from robot_rl.build_graph import make_graph_robot
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import ArmTask
from robot_rl.hardware.robot import Robot
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from tests.controllers.ros.cockpit import HERE, JOINTS, ScriptedLoop
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.hardware.graph.test_robot import ServingClock
from tests.waiting import eventually

PERIOD_S = 0.1
OPERATOR = RobotConfig(kind="dds", episode_source="operator", start_timeout_s=1.0)


class LoopClock:
    """The scripted loop's view of the clock."""

    def __init__(self, clock: ServingClock) -> None:
        self._clock = clock

    @property
    def monotonic_ns(self) -> int:
        return self._clock.now_ns()


class Cell:
    """A real arm's controller on the graph, active, over a scripted loop; the client is made by a run's settings."""

    def __init__(self, gripper: GripperProcess | None) -> None:
        self.clock = ServingClock()
        self.graph = Graph(self.clock)
        wire, log = MemoryWire(self.graph), logging.getLogger("test")
        self.loop = ScriptedLoop(LoopClock(self.clock))
        self.loop.values["tau_max"] = 87.0
        self.controller = Controller(wire, "/arm", "fr3", log, self.clock.now_ns, self.clock.advance)
        self.controller.attach(wire, self.loop, preset("guarded", [0.0] * 7), JOINTS)
        if gripper is not None:
            self.controller.attach_gripper(gripper, GripperSpec("simulated"))
        self.controller.activate()
        self.clock.serve = self._serve

    def _serve(self) -> None:
        self.controller.poll()
        self.controller.publish_states()

    def client(self, arm: ArmTask = PICK_LIFT.arm, **settings: Any) -> Robot:
        return make_graph_robot(replace(OPERATOR, **settings), arm, MemoryWire(self.graph), self.clock)


@pytest.fixture
def gripper() -> Iterator[GripperProcess]:
    process = GripperProcess(GripperSpec("simulated"))
    eventually(lambda: process.state().fault == "" and process.state().width_m > 0.0)
    yield process
    process.close()


class OwnTime:
    """The gripper's process lives in real time: its readings are stamped anew on the test's clock."""

    def __init__(self, gripper: GripperProcess, clock: ServingClock) -> None:
        self._gripper, self._clock = gripper, clock
        self.command, self.stop, self.clear, self.close = gripper.command, gripper.stop, gripper.clear, gripper.close

    def state(self) -> Any:
        return self._gripper.state()._replace(stamp_s=self._clock.now_ns() * 1e-9)


def test_an_operators_run_trains_with_a_gripper_and_the_estimated_wrench(gripper: GripperProcess) -> None:
    cell = Cell(None)
    cell.controller.attach_gripper(OwnTime(gripper, cell.clock), GripperSpec("simulated"))
    robot = cell.client()
    state = robot.state()
    assert state.fault == "" and state.finger_m == pytest.approx(0.04)
    np.testing.assert_allclose(state.T_base_tcp.p, HERE)
    goal = Pose(HERE + np.array([0.0, 0.0, 0.01]), np.eye(3))

    def closed() -> bool:
        robot.command(goal, 0.01)
        state = robot.wait(PERIOD_S)
        assert state.fault == ""
        return abs(state.finger_m - 0.01) < 1e-3

    eventually(closed, 20.0)
    np.testing.assert_array_equal(cell.loop.sent[-1].p, goal.p)


def test_a_task_without_a_gripper_trains_on_an_arm_without_one() -> None:
    cell = Cell(None)
    robot = cell.client(replace(PICK_LIFT.arm, gripper=None))
    robot.command(Pose(HERE, np.eye(3)), None)
    state = robot.wait(PERIOD_S)
    assert (state.fault, state.finger_m) == ("", 0.0)


def test_a_task_with_a_gripper_on_an_arm_without_one_names_the_topics() -> None:
    with pytest.raises(DeviceLostError, match=rf"no sample on {graph.GRIPPER_STATE.name}, no listener to"):
        Cell(None).client().state()


def test_a_gripper_that_reads_nothing_during_a_motion_is_no_fault_and_a_lost_one_is(gripper: GripperProcess) -> None:
    cell = Cell(None)
    hand = OwnTime(gripper, cell.clock)
    cell.controller.attach_gripper(hand, GripperSpec("simulated"))
    robot = cell.client()
    assert robot.wait(PERIOD_S).fault == ""
    cell.graph.muted.add(graph.resolve(graph.GRIPPER_STATE))
    for _ in range(15):
        assert robot.wait(PERIOD_S).fault == ""
    for _ in range(10):
        fault = robot.wait(PERIOD_S).fault
    assert "gripper/joint_states: got a sample 2" in fault


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        (RobotConfig(kind="dds"), "sensor"),
        (OPERATOR, "estimate"),
        (replace(OPERATOR, wrench="sensor"), "sensor"),
    ],
)
def test_the_wrench_comes_from_the_sensor_of_a_simulation_and_the_estimate_of_a_real_arm(
    settings: RobotConfig, source: str
) -> None:
    assert settings.wrench_source == source
