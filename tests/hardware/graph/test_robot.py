"""A robot at the other end of the graph: what it reports, and when it stops sending targets."""

import math
from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.core.pose import gripper_down
from robot_rl.hardware.graph.messages import joints_message, pose_message, twist_message, wrench_message
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.hardware.graph.state_server import GraphServer
from tests.hardware.scripted_arm import JOINTS, ScriptedArm

GOAL = gripper_down(np.array([0.4, 0.1, 0.2]), 0.3)
PERIOD_S = 0.1


class ServingClock(FakeClock):
    """Time that passes in slices, after each of which the server publishes: an arm that lives beside the client."""

    def __init__(self) -> None:
        super().__init__(5.0)
        self.serve: Any = lambda: None
        self.slice_ns = 5_000_000

    def sleep_until(self, deadline_ns: int) -> None:
        while self.now_ns() < deadline_ns:
            super().sleep_until(min(deadline_ns, self.now_ns() + self.slice_ns))
            self.serve()


class Bench:
    """A client and a server in memory."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ServingClock()
        self.graph = Graph(self.clock)
        self.arm = ScriptedArm()
        self.wire = MemoryWire(self.graph)
        self.server = GraphServer(self.wire, self.arm, JOINTS)
        self.clock.serve = self.server.publish_state
        config = GraphRobotConfig(**({"gripper_age_max_s": 0.1} | settings))
        self.robot = GraphRobot(MemoryWire(self.graph), self.clock, config)

    def send(self, topic: graph.Topic, message: Any) -> None:
        self.wire.publisher(topic).publish(message)

    def silence(self) -> None:
        self.clock.serve = lambda: None


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_state_is_the_arms_own(bench: Bench) -> None:
    state = bench.robot.wait(PERIOD_S)
    np.testing.assert_allclose(state.T_base_tcp.p, bench.arm.T_base_tcp.p)
    np.testing.assert_allclose(state.T_base_tcp.R, bench.arm.T_base_tcp.R, atol=1e-12)
    np.testing.assert_allclose(state.twist, bench.arm.twist)
    np.testing.assert_allclose(state.wrench, bench.arm.wrench)
    assert (state.finger_m, state.fault) == (bench.arm.finger_m, "")
    assert abs(state.stamp_ns - bench.clock.now_ns()) <= bench.clock.slice_ns, "stamps are on the client's clock"


def test_estimated_wrench_is_turned_into_the_hand() -> None:
    bench = Bench(wrench="estimate")
    np.testing.assert_allclose(bench.robot.wait(PERIOD_S).wrench, bench.arm.wrench, atol=1e-12)


def test_arm_without_a_gripper_needs_none_on_the_graph_and_commands_none() -> None:
    bench, heard = Bench(gripper=False), list[object]()
    MemoryWire(bench.graph).subscribe(graph.GRIPPER_TARGET, heard.append)
    bench.robot.command(GOAL, 0.01)
    state = bench.robot.wait(PERIOD_S)
    np.testing.assert_allclose(state.T_base_tcp.p, GOAL.p)
    assert state.finger_m == 0.0 and not heard


def test_command_reaches_the_arm(bench: Bench) -> None:
    bench.robot.command(GOAL, 0.01)
    state = bench.robot.wait(PERIOD_S)
    np.testing.assert_allclose(state.T_base_tcp.p, GOAL.p)
    assert state.finger_m == 0.01


def test_targets_are_in_the_frame_of_the_arms_first_pose(bench: Bench) -> None:
    wire, targets = bench.wire, list[Any]()
    MemoryWire(bench.graph).subscribe(graph.TARGET_POSE, targets.append)

    def serve() -> None:
        bench.send(graph.CURRENT_POSE, pose_message(wire, bench.arm.goal, wire.now_ns(), "left/world"))
        bench.send(graph.CURRENT_TWIST, twist_message(wire, np.zeros(6), wire.now_ns(), "left/world"))
        bench.server.publish_state()  # its poses in `base` are refused from then on

    bench.clock.serve = serve
    bench.robot.command(GOAL, 0.01)
    assert targets[-1].header.frame_id == "left/world"


def test_steps_keep_an_absolute_grid(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    start_s = bench.clock.now_s()
    for _ in range(20):
        bench.clock.advance(0.03)  # the policy thinks
        bench.robot.wait(PERIOD_S)
    assert bench.clock.now_s() == pytest.approx(start_s + 20 * PERIOD_S)
    assert bench.robot.timings().missed == 0


def test_late_steps_are_counted_and_pauses_are_not_late_steps(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    bench.clock.advance(0.35)
    bench.clock.serve()
    bench.robot.wait(PERIOD_S)
    bench.clock.advance(30.0)
    bench.robot.wait(PERIOD_S)
    timings = bench.robot.timings()
    assert (timings.steps, timings.missed, timings.pauses) == (3, 2, 1)


def test_controllers_fault_is_the_states(bench: Bench) -> None:
    bench.arm.fault = "reflex"
    assert bench.robot.wait(PERIOD_S).fault == "reflex"


@pytest.mark.parametrize("topic", [graph.CURRENT_POSE, graph.CURRENT_TWIST, graph.WRENCH, graph.GRIPPER_STATE])
def test_silent_topic_is_named_and_no_target_is_sent(bench: Bench, topic: graph.Topic) -> None:
    bench.robot.wait(PERIOD_S)
    bench.graph.muted.add(graph.resolve(topic))
    state = bench.robot.wait(2 * PERIOD_S)
    assert f"{topic.name}: got a sample 0.2" in state.fault and state.fault.count("got") == 1
    bench.robot.command(GOAL, 0.01)
    bench.robot.wait(PERIOD_S)
    assert bench.arm.commands == [] and bench.robot.timings().withheld == 1
    bench.graph.muted.clear()
    assert bench.robot.wait(PERIOD_S).fault == "", "it goes on when the topic is back"
    bench.robot.command(GOAL, 0.01)
    bench.robot.wait(PERIOD_S)
    assert len(bench.arm.commands) == 1


def test_publisher_that_disappears_is_named(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    bench.silence()
    bench.wire.close()
    fault = bench.robot.wait(PERIOD_S).fault
    assert "current_pose: got 0 publishers, expected 1" in fault and "target_pose: got no listener" in fault


def test_second_commander_is_a_fault(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    MemoryWire(bench.graph).publisher(graph.TARGET_POSE)
    assert "target_pose: got 2 publishers" in bench.robot.wait(PERIOD_S).fault


@pytest.mark.parametrize("jump_s", [3.0, -3.0])
def test_clock_jump_is_reported_once_and_reading_continues(bench: Bench, jump_s: float) -> None:
    bench.robot.wait(PERIOD_S)
    bench.graph.offset_ns += round(jump_s * 1e9)
    assert f"clock: got a jump of {jump_s:.3f} s" in bench.robot.wait(PERIOD_S).fault
    assert bench.robot.wait(PERIOD_S).fault == ""
    assert any("clock: got a jump" in text for text in bench.robot.problems())


def test_clock_jump_that_withholds_a_target_is_reported_with_the_next_state(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    bench.graph.offset_ns += 3_000_000_000
    bench.robot.command(GOAL, 0.01)
    assert "clock: got a jump" in bench.robot.wait(PERIOD_S).fault
    assert bench.arm.commands == []


def test_target_built_on_a_faulty_state_is_held_back(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    bench.graph.offset_ns += 3_000_000_000
    assert "clock: got a jump" in bench.robot.state().fault
    bench.clock.advance(0.01)
    bench.clock.serve()  # sound again before the target is sent
    bench.robot.command(GOAL, 0.01)
    assert "clock: got a jump" in bench.robot.wait(PERIOD_S).fault
    assert bench.arm.commands == []
    bench.robot.command(GOAL, 0.01)
    assert bench.robot.wait(PERIOD_S).fault == "" and len(bench.arm.commands) == 1


def test_fault_that_passed_before_the_last_state_holds_nothing_back(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    bench.clock.advance(0.5)
    assert "current_pose: got a sample" in bench.robot.state().fault
    bench.clock.serve()
    assert bench.robot.state().fault == ""
    bench.robot.command(GOAL, 0.01)
    bench.clock.serve()
    assert bench.robot.wait(PERIOD_S).fault == "" and len(bench.arm.commands) == 1


def test_stamps_that_stand_still_are_old_however_often_they_come(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    stuck_ns = bench.wire.now_ns()
    bench.clock.serve = lambda: bench.send(
        graph.CURRENT_POSE, pose_message(bench.wire, bench.arm.goal, stuck_ns, graph.BASE)
    )
    assert "current_pose: got a sample 0.2" in bench.robot.wait(2 * PERIOD_S).fault


def test_stamps_from_the_future_are_refused(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    bench.clock.serve = lambda: bench.send(
        graph.CURRENT_POSE, pose_message(bench.wire, bench.arm.goal, bench.wire.now_ns() + 10**9, graph.BASE)
    )
    assert "current_pose: got a stamp 1.000 s in the future" in bench.robot.wait(PERIOD_S).fault


def test_refused_messages_are_named_when_their_topic_gets_old(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    wire = bench.wire
    bad = {
        graph.CURRENT_POSE: lambda now: pose_message(wire, bench.arm.goal, now, "world"),
        graph.CURRENT_TWIST: lambda now: twist_message(wire, np.full(6, math.nan), now, graph.BASE),
        graph.WRENCH: lambda now: wrench_message(wire, np.full(6, math.inf), now, graph.HAND),
        graph.GRIPPER_STATE: lambda now: joints_message(wire, ["thumb"], np.zeros(1), now),
    }

    def serve() -> None:
        for topic, message in bad.items():
            bench.send(topic, message(wire.now_ns()))

    bench.clock.serve = serve
    fault = bench.robot.wait(2 * PERIOD_S).fault
    for words in (
        "frame_id: got 'world'",
        "twist: got [nan",
        "wrench: got [inf",
        "joints: got 1 positions of ['thumb']",
    ):
        assert words in fault
    assert bench.robot.problems()


def test_gripper_joints_may_come_in_any_order(bench: Bench) -> None:
    bench.robot.wait(PERIOD_S)
    message = joints_message(
        bench.wire, ["b", graph.FINGER_JOINT, "a"], np.array([1.0, 0.033, 2.0]), bench.wire.now_ns()
    )
    bench.silence()
    bench.send(graph.GRIPPER_STATE, message)
    assert bench.robot.state().finger_m == 0.033


def test_ages_and_the_way_from_action_to_state_are_measured(bench: Bench) -> None:
    for _ in range(5):
        bench.robot.command(GOAL, 0.01)
        bench.robot.wait(PERIOD_S)
    timings = bench.robot.timings()
    assert timings.action_to_state.count == 5
    assert timings.action_to_state.p50_ms == pytest.approx(5.0), "the server publishes every 5 ms"
    assert timings.ages["wrench"].count == 5 and 0.0 <= timings.ages["wrench"].max_ms <= 5.0


def test_arm_that_never_answers_is_an_error_with_the_topics_names() -> None:
    clock = FakeClock()
    robot = GraphRobot(MemoryWire(Graph(clock)), clock, GraphRobotConfig(start_timeout_s=2.0))
    with pytest.raises(DeviceLostError, match=r"no sample on .*current_pose.*wrench.*no listener to .*target_pose"):
        robot.state()
    assert clock.now_s() == pytest.approx(2.0)


def test_start_waits_until_another_commander_has_left(bench: Bench) -> None:
    other = MemoryWire(bench.graph)
    other.publisher(graph.TARGET_POSE)
    serve, end_s = bench.clock.serve, bench.clock.now_s() + 3.0

    def serve_and_leave() -> None:
        serve()
        if bench.clock.now_s() > end_s:
            other.close()

    bench.clock.serve = serve_and_leave
    assert bench.robot.state().fault == "" and bench.clock.now_s() >= end_s


def test_other_commander_that_stays_is_an_error(bench: Bench) -> None:
    MemoryWire(bench.graph).publisher(graph.TARGET_POSE)
    with pytest.raises(DeviceLostError, match=r"2 publishers of impedance_controller/target_pose for 15.0 s"):
        bench.robot.state()


def test_config_refuses_times_that_are_none() -> None:
    with pytest.raises(ConfigError, match="age_max_s"):
        GraphRobotConfig(age_max_s=math.nan)
