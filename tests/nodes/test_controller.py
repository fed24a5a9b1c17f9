"""`robot-rl controller`: an arm's control process on the graph over plain DDS, as a program of its own."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.clock import SystemClock
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from tests.domains import domain_id
from tests.faults import FAULTS
from tests.nodes.controller_program import Program, controller
from tests.waiting import eventually

pytestmark = [pytest.mark.dds, pytest.mark.slow]
PERIOD_S = 0.1


@pytest.fixture
def robot() -> Iterator[GraphRobot]:
    wire = DdsWire("client", "", domain_id("controller"))
    client = GraphRobot(
        wire, SystemClock(), GraphRobotConfig("estimate", age_max_s=1.0, start_timeout_s=60.0, gripper=False)
    )
    yield client
    client.close()


def shifted(T_base_tcp: Pose, dz_m: float) -> Pose:
    return Pose(T_base_tcp.p + np.array([0.0, 0.0, dz_m]), T_base_tcp.R)


def followed(robot: GraphRobot, goal: Pose, from_m: float, way_m: float) -> bool:
    """Command a pose; return whether the arm has gone most of the way in height."""
    robot.command(goal, 0.0)
    return bool((robot.wait(PERIOD_S).T_base_tcp.p[2] - from_m) / way_m > 0.6)


def test_arm_follows_a_client_stops_latched_and_ends_in_order(tmp_path: Path, robot: GraphRobot) -> None:
    with controller(tmp_path, domain_id("controller"), "simulated") as program:
        start = eventually(lambda: (state := robot.wait(PERIOD_S)).fault == "" and state).T_base_tcp

        def follows() -> bool:
            robot.command(shifted(start, 0.03), 0.0)
            return bool(robot.wait(PERIOD_S).T_base_tcp.p[2] - start.p[2] > 0.02)

        eventually(follows)
        wire = DdsWire("operator", "", domain_id("controller"))
        assert wire.call(graph.ESTOP, 10.0)[0]
        stopped = robot.wait(0.5).T_base_tcp.p
        robot.command(start, 0.0)
        assert np.allclose(robot.wait(1.0).T_base_tcp.p, stopped, atol=1e-3)
        wire.close()
        assert program.end(signal.SIGINT) == 0, program.text()


def test_second_controller_of_the_name_is_refused_and_the_first_stays(tmp_path: Path, robot: GraphRobot) -> None:
    with controller(tmp_path, domain_id("controller"), "simulated") as program:
        second = Program(tmp_path / "second.txt", domain_id("controller"), "controller", "simulated")
        assert second.process.wait(60.0) == 1
        assert "impedance_controller: got 1 already running, expected none" in second.text()
        assert program.process.poll() is None and eventually(lambda: robot.wait(PERIOD_S).fault == "")


@pytest.mark.timeout(700 + 20 * FAULTS)
def test_control_process_that_hangs_is_a_latched_stop_until_it_runs_and_a_person_clears(
    tmp_path: Path, robot: GraphRobot
) -> None:
    rng = random.Random(1)
    with controller(tmp_path, domain_id("controller"), "simulated") as program:
        (pid,) = program.control_processes()
        wire = DdsWire("operator", "", domain_id("controller"))
        for turn in range(FAULTS):
            start = eventually(lambda: (state := robot.wait(PERIOD_S)).fault == "" and state).T_base_tcp
            time.sleep(rng.uniform(0.0, 0.5))
            os.kill(pid, signal.SIGSTOP)
            eventually(lambda: "the loop has published nothing" in robot.wait(PERIOD_S).fault)
            os.kill(pid, signal.SIGCONT)
            eventually(lambda: "emergency stop (~/loop: the loop has published nothing" in robot.wait(PERIOD_S).fault)
            stopped, way_m = robot.wait(PERIOD_S).T_base_tcp, 0.03 if turn % 2 == 0 else -0.03
            eventually(lambda: wire.call(graph.RECOVER, 10.0)[0])
            assert wire.call(graph.ENABLE, 10.0, data=True)[0]

            eventually(lambda: followed(robot, shifted(start, way_m), stopped.p[2], way_m))  # noqa: B023 - called here
        wire.close()


@pytest.mark.timeout(700 + 20 * FAULTS)
def test_killed_control_process_ends_the_program_with_the_reason_each_time(tmp_path: Path) -> None:
    rng = random.Random(1)
    for _ in range(max(1, FAULTS // 5)):  # each starts the program
        with controller(tmp_path, domain_id("controller"), "simulated") as program:
            (pid,) = program.control_processes()
            time.sleep(rng.uniform(0.0, 0.5))
            os.kill(pid, signal.SIGKILL)
            assert program.process.wait(60.0) == 1
            assert "the loop's process has ended (exit code -9)" in program.text()


def test_unknown_arm_is_named_with_the_nearest(tmp_path: Path) -> None:
    program = Program(tmp_path / "output.txt", domain_id("controller"), "controller", "fr33")
    assert program.process.wait(60.0) == 2
    assert "fr33" in program.text() and "did you mean 'fr3'" in program.text()
