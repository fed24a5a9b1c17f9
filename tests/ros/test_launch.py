"""The launch files: what they explain, and the order in which things start and end."""

import json
import os
import signal
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from controllers.arm import Mode
from controllers.host.control_process import ENDED
from controllers.host.mailbox import Client
from controllers.ros import graph
from tests.ros.graph_session import START_TIMEOUT_S, children, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
FILES = sorted((Path(__file__).parents[2] / "launch").glob("*.launch.py"))
ROBOT = "launch/robot.launch.py"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_argument_is_explained_with_its_default(session, file):
    answer = session.run("ros2", "launch", str(file), "--show-args")
    assert answer.returncode == 0, answer.stderr
    blocks = answer.stdout.split("\n\n")[1:]
    assert blocks and all("(default:" in block for block in blocks if block.strip())
    assert "no description given" not in answer.stdout


def test_a_value_that_is_no_choice_is_refused_with_the_choices(session):
    for argument, choice in (("robot_type:=kuka", "'fr3'"), ("driver:=frankk", "did you mean 'frank")):
        answer = session.run("ros2", "launch", ROBOT, argument)
        assert answer.returncode != 0 and choice in answer.stdout + answer.stderr


def test_each_camera_of_a_file_gets_a_node_of_its_own(session, tmp_path):
    for name in ("wrist", "side"):
        video = cv2.VideoWriter(str(tmp_path / f"{name}.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
        for grey in range(20):
            video.write(np.full((48, 64, 3), 10 * grey, np.uint8))
        video.release()
    sizes = {"kind": "webcam", "width": 64, "height": 48}
    cameras = [{"name": name, "device": str(tmp_path / f"{name}.avi"), **sizes} for name in ("wrist", "side")]
    (tmp_path / "cameras.json").write_text(json.dumps({"cameras": cameras}))
    words = ["use_fake_hardware:=true", f"cameras:={tmp_path / 'cameras.json'}", f"python:={sys.executable}"]
    session.start("ros2", "launch", ROBOT, *words)
    for name in ("wrist", "side"):
        words = ("ros2", "topic", "info", f"/{graph.image_topic(name).name}")
        eventually(lambda words=words: session.run(*words).stdout, has_publisher, START_TIMEOUT_S)


def has_publisher(info):
    return "Publisher count: 1" in info


@pytest.fixture
def launched(session):
    """An arm in a namespace, launched and active: the launch process, the node's pid, and the loop's own words."""
    words = ["use_fake_hardware:=true", "namespace:=left", f"python:={sys.executable}"]
    launch = session.start("ros2", "launch", ROBOT, *words)
    node = eventually(lambda: children(launch.pid), bool)[0]

    def attach():
        try:
            return Client(f"ros-left-{node}")
        except (FileNotFoundError, ValueError):
            return None

    client = eventually(attach, bool, START_TIMEOUT_S)
    eventually(client.state, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING), START_TIMEOUT_S)
    return launch, node, client


def holds(client):
    state = eventually(client.state, lambda state: state.values["ended"][0] == 1.0, 20.0)
    return state.mode == Mode.IDLE and ENDED in state.message


def test_launched_arms_become_active_by_themselves_and_hold_on_ctrl_c(session, launched):
    launch, _, client = launched
    probe = session.probe()
    status = graph.resolve(graph.STATUS, "left")
    probe.hear(status, graph.STATUS.type, qos="latched")
    message = eventually(lambda: probe.latest(status), bool)
    assert message["name"] == "left/impedance_controller"
    launch.send_signal(signal.SIGINT)
    assert holds(client)
    assert launch.wait(60.0) == 0


def test_a_launch_that_is_killed_outright_leaves_an_arm_that_holds(launched):
    launch, node, client = launched
    os.kill(launch.pid, signal.SIGKILL)
    assert holds(client)
    eventually(lambda: os.path.exists(f"/proc/{node}/exe"), lambda there: not there, 30.0)


def test_a_launch_survives_a_dead_loop_and_a_person_brings_the_arm_back(session, launched):
    launch, node, _ = launched
    (loop,) = children(node)
    os.kill(loop, signal.SIGKILL)
    name = "/left/impedance_controller"
    probe = session.probe()
    eventually(lambda: probe.state(name), lambda state: state == "unconfigured")
    for transition in (
        "configure",
        "activate",
        "deactivate",
        "activate",
        "deactivate",
        "cleanup",
        "configure",
        "activate",
    ):
        assert probe.change_state(transition, name), transition
    assert launch.poll() is None
    launch.send_signal(signal.SIGINT)
    assert launch.wait(60.0) == 0
