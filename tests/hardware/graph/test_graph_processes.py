"""Between processes: one with ROS and one without talk with each other, ROS's own tools see the one without, and a
killed process is noticed.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.clock import SystemClock
from robot_rl.core.pose import gripper_down
from robot_rl.hardware.cameras.ros_topic import GraphCamera, TopicConfig
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from tests.hardware.graph.wires import NO_ROS, WIRES, open_wire, wires_domain
from tests.processes import launched
from tests.waiting import eventually

pytestmark = [pytest.mark.dds, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
PERIOD_S = 0.1
TIMEOUT_S = 120.0  # a process starts slowly on a busy machine
GOAL = gripper_down(np.array([0.4, 0.1, 0.2]), 0.3)


@contextmanager
def serving(kind: str) -> Iterator[subprocess.Popen[str]]:
    """An arm served by a process of its own."""
    command = [sys.executable, "-m", "tests.hardware.graph.graph_process", kind]
    with launched(command, cwd=ROOT, stdin=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGKILL)


def ros2(*words: str) -> str:
    """What one of ROS's commands prints, asked without its daemon, which would outlive the test."""
    program = shutil.which("ros2")
    if program is None:
        pytest.skip(NO_ROS)
    environment = os.environ | {"ROS_DOMAIN_ID": str(wires_domain())}
    done = subprocess.run([program, *words], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", WIRES)
def test_arm_whose_process_is_killed_is_a_fault_until_it_is_back(kind: str) -> None:
    wire = open_wire(kind, "actor")
    with contextlib.closing(wire):
        robot = GraphRobot(wire, SystemClock(), GraphRobotConfig(age_max_s=1.0, start_timeout_s=TIMEOUT_S))
        with serving(kind) as process:
            eventually(lambda: robot.wait(PERIOD_S).fault == "")
            process.kill()
            eventually(lambda: "current_pose: got a sample" in robot.wait(PERIOD_S).fault)
            robot.command(GOAL, 0.01)
        assert robot.timings().withheld == 1
        with serving(kind):
            eventually(lambda: robot.wait(PERIOD_S).fault == "", TIMEOUT_S)
            eventually(lambda: (robot.command(GOAL, 0.01), robot.wait(PERIOD_S).finger_m == 0.01)[1])


@pytest.mark.ros
@pytest.mark.parametrize(("server", "client"), [("dds", "rclpy"), ("rclpy", "dds")])
def test_arm_served_by_one_library_is_moved_through_the_other(server: str, client: str) -> None:
    if importlib.util.find_spec("rclpy") is None:
        pytest.skip(NO_ROS)
    wire, clock = open_wire(client, "actor"), SystemClock()
    view = View(size=(48, 64))
    with contextlib.closing(wire), serving(server):
        robot = GraphRobot(wire, clock, GraphRobotConfig(age_max_s=2.0, start_timeout_s=TIMEOUT_S))
        camera = GraphCamera(wire, clock, TopicConfig("wrist", view=view, max_age_s=5.0), TIMEOUT_S)
        robot.state()

        def arrived() -> bool:
            robot.command(GOAL, 0.01)
            state = robot.wait(PERIOD_S)
            return state.fault == "" and state.finger_m == 0.01 and bool(np.allclose(state.T_base_tcp.p, GOAL.p))

        eventually(arrived)
        np.testing.assert_array_equal(camera.read().image, np.full((48, 64, 3), (10, 20, 30), np.uint8))
        assert robot.timings().action_to_state.count > 0


@pytest.mark.ros
def test_ros_lists_a_participant_without_ros_with_its_topics_and_their_content() -> None:
    if importlib.util.find_spec("rclpy") is None:
        pytest.skip(NO_ROS)
    with serving("dds"):
        nodes = eventually(lambda: ros2("node", "list", "--no-daemon", "--spin-time", "3"), TIMEOUT_S)
        assert nodes.split() == ["/left/served_arm"]
        topics = ros2("topic", "list", "-t", "--no-daemon", "--spin-time", "3")
        for topic in (graph.CURRENT_POSE, graph.TARGET_POSE, graph.STATUS, graph.image_topic("wrist")):
            assert f"{graph.resolve(topic, 'left')} [{topic.type}]" in topics
        name = graph.resolve(graph.CURRENT_POSE, "left")
        assert "frame_id: base" in ros2("topic", "echo", "--once", name, graph.CURRENT_POSE.type)
        details = ros2("topic", "info", "-v", name, "--no-daemon", "--spin-time", "3")
        assert "Node name: served_arm" in details and "RIHS01_10f3786d7d40fd2b" in details
