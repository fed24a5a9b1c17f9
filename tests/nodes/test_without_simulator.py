"""A robot's computer needs neither the simulator nor ROS to act over plain DDS."""

import subprocess
import sys

import pytest

MODULES = (
    "robot_rl.build", "robot_rl.envs.graph", "robot_rl.envs.served_episodes", "robot_rl.envs.operator_episodes",
    "robot_rl.hardware.graph.robot", "robot_rl.hardware.cameras.config", "robot_rl.nodes.actor",
    "robot_rl.nodes.teleop", "robot_rl.teleop.devices.ros", "robot_rl.tasks.pick_lift", "robot_rl.tasks.peg_insert",
)  # fmt: skip


@pytest.mark.slow
def test_what_acts_on_the_graph_imports_neither_mujoco_nor_rclpy() -> None:
    away = "import sys; sys.modules['mujoco'] = sys.modules['rclpy'] = None; "
    imports = "; ".join(f"import {module}" for module in MODULES)
    result = subprocess.run([sys.executable, "-c", away + imports], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_ros_nodes_take_the_loopback_from_where_cyclonedds_is_not_installed() -> None:
    away = "import sys; sys.modules['cyclonedds'] = None; "
    prints = "from robot_rl.hardware.graph.dds_domain import LOOPBACK; print(LOOPBACK)"
    result = subprocess.run([sys.executable, "-c", away + prints], capture_output=True, text=True, check=False)
    assert result.stdout.startswith("<CycloneDDS>"), result.stderr
