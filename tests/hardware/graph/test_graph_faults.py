"""Faults of the graph, tried over each real wire: named by the state, and no target is sent meanwhile."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from controllers.ros.graph import Qualities
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import gripper_down
from robot_rl.hardware.graph.messages import joints_message, pose_message, twist_message, wrench_message
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from tests.hardware.graph.served_simulation import ServingClock
from tests.hardware.graph.state_server import GraphServer
from tests.hardware.graph.wires import WIRES, open_wire
from tests.hardware.scripted_arm import JOINTS, ScriptedArm
from tests.waiting import eventually

PERIOD_S = 0.1
AGE_MAX_S = 1.0
CONFIG = GraphRobotConfig(age_max_s=AGE_MAX_S)
GOAL = gripper_down(np.array([0.4, 0.1, 0.2]))


class Bench:
    """A scripted arm, its server, and a client, over one kind of wire."""

    def __init__(self, kind: str) -> None:
        self.kind, self.arm = kind, ScriptedArm()
        self.wire, self.client = open_wire(kind, "arm"), open_wire(kind, "actor")
        self.server = GraphServer(self.wire, self.arm, JOINTS)
        self.serve: Any = self.server.publish_state
        self.robot = GraphRobot(self.client, ServingClock(lambda: self.serve()), CONFIG)
        self.opened = [self.wire, self.client]

    def open(self, node: str) -> Any:
        self.opened.append(open_wire(self.kind, node))
        return self.opened[-1]

    def close(self) -> None:
        for wire in self.opened:
            wire.close()

    def fault(self, containing: str, limit: int = 40) -> str:
        """Step until the state has such a fault."""
        for _ in range(limit):
            fault = self.robot.wait(PERIOD_S).fault
            if containing in fault:
                return fault
        raise AssertionError(f"no fault with {containing!r}; the last was {fault!r}")

    def assert_recovers(self) -> None:
        self.serve = self.server.publish_state
        eventually(lambda: self.robot.wait(PERIOD_S).fault == "")

    def assert_holds(self) -> None:
        """No target reaches the arm."""
        commands = len(self.arm.commands)
        self.robot.command(GOAL, 0.01)
        self.robot.wait(PERIOD_S)
        self.server.apply_targets()
        assert len(self.arm.commands) == commands


@pytest.fixture(params=WIRES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    assert bench.robot.wait(PERIOD_S).fault == ""
    yield bench
    bench.close()


@pytest.mark.slow
def test_publisher_dies_and_comes_back(bench: Bench) -> None:
    bench.serve = lambda: None
    bench.wire.close()
    bench.fault("current_pose: got 0 publishers, expected 1")
    assert "current_pose: got a sample" in bench.fault("current_pose: got a sample")
    commands = len(bench.arm.commands)
    bench.robot.command(GOAL, 0.01)
    assert len(bench.arm.commands) == commands and bench.robot.timings().withheld == 1
    bench.wire = bench.open("arm")
    bench.server = GraphServer(bench.wire, bench.arm, JOINTS)
    bench.assert_recovers()


def test_second_commander_is_a_fault_for_the_first(bench: Bench) -> None:
    other = bench.open("intruder")
    publisher = other.publisher(graph.TARGET_POSE)
    bench.fault("target_pose: got 2 publishers, expected 1")
    eventually(publisher.matched)
    eventually(lambda: len(bench.wire.publishers_of(graph.TARGET_POSE)) == 2)
    bench.assert_holds()
    other.close()
    bench.assert_recovers()


def test_clock_of_the_arms_computer_that_jumps_is_named(bench: Bench) -> None:
    publisher = bench.wire.publisher(graph.CURRENT_POSE)

    def ahead() -> None:
        publisher.publish(pose_message(bench.wire, GOAL, bench.wire.now_ns() + 3_000_000_000, graph.BASE))

    bench.serve = ahead
    bench.fault("current_pose: got a stamp")
    bench.assert_holds()
    bench.assert_recovers()


@pytest.mark.slow
def test_stamps_that_stand_still_get_old(bench: Bench) -> None:
    publisher, stuck_ns = bench.wire.publisher(graph.CURRENT_POSE), bench.wire.now_ns()
    bench.serve = lambda: publisher.publish(pose_message(bench.wire, GOAL, stuck_ns, graph.BASE))
    bench.fault("current_pose: got a sample")
    bench.assert_holds()
    bench.assert_recovers()


@pytest.mark.slow
def test_unusable_messages_are_named_and_get_old(bench: Bench) -> None:
    wire = bench.wire

    def spoiled() -> None:
        now_ns = wire.now_ns()
        for topic, message in (
            (graph.CURRENT_POSE, pose_message(wire, GOAL, now_ns, "world")),
            (graph.CURRENT_TWIST, twist_message(wire, np.full(6, math.nan), now_ns, graph.BASE)),
            (graph.WRENCH, wrench_message(wire, np.full(6, math.inf), now_ns, graph.HAND)),
            (graph.GRIPPER_STATE, joints_message(wire, [graph.FINGER_JOINT], np.zeros(2), now_ns)),
        ):
            wire.publisher(topic).publish(message)

    bench.serve = spoiled
    fault = bench.fault("gripper/joint_states: got a sample")
    for words in ("frame_id: got 'world'", "twist: got [nan", "wrench: got [inf", "joints: got 2 positions"):
        assert words in fault
    bench.assert_holds()
    bench.assert_recovers()


def test_controllers_fault_arrives_latched(bench: Bench) -> None:
    bench.arm.fault = "the arm's own reflex stopped it"
    bench.fault("the arm's own reflex stopped it")
    bench.arm.fault = ""
    bench.assert_recovers()


@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.slow
def test_best_effort_arm_is_an_error_that_names_the_topic_and_a_problem(kind: str) -> None:
    server, client = open_wire(kind, "arm"), open_wire(kind, "actor")
    try:
        careless = server.publisher(graph.CURRENT_POSE._replace(quality=Qualities.SENSOR.value))
        robot = GraphRobot(client, ServingClock(lambda: None), GraphRobotConfig(start_timeout_s=1.0))
        careless.publish(pose_message(server, GOAL, server.now_ns(), graph.BASE))
        with pytest.raises(DeviceLostError, match="current_pose"):
            robot.state()
        assert any("current_pose: got a publisher of another quality" in text for text in robot.problems())
    finally:
        server.close()
        client.close()
