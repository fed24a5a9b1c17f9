"""An arm and its driver from files outside the package, launched under ROS."""

import sys

import pytest

from controllers.arm import Mode
from controllers.host.mailbox import Client
from tests.contracts.test_arm import ARM, DRIVER, PLANE
from tests.ros.graph_session import START_TIMEOUT_S, children, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def test_a_launched_arms_file_names_its_driver_and_its_gains(session, tmp_path):
    for name, text in (("gantry.py", DRIVER), ("gantry.yaml", ARM), ("plane.yaml", PLANE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    words = [f"robot_type:={tmp_path / 'plane.yaml'}", "robot_ip:=10.0.0.1", f"python:={sys.executable}"]
    launch = session.start("ros2", "launch", "launch/robot.launch.py", *words)
    node = eventually(lambda: children(launch.pid), bool)[0]

    def attach():
        try:
            return Client(f"ros-{node}", 6)
        except (FileNotFoundError, ValueError):
            return None

    client = eventually(attach, bool, START_TIMEOUT_S)
    eventually(client.state, lambda state: state.mode in (Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING), START_TIMEOUT_S)
    gains = client.gains()
    assert gains.integral_max[0] == 2.0 and gains.stiffness[0] == 300.0
    assert gains.planes[0][:3].tolist() == [-1.0, 0.0, 0.0]
    # The gantry's tool points up, outside the cone: the arm stays where it is, in a workspace that contains it.
    assert gains.cone_rad > 3.0
