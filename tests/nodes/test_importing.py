"""Importing the nodes needs no ROS."""

import subprocess
import sys
from pathlib import Path

import pytest

import robot_rl.nodes

NODES = sorted(path.stem for path in Path(robot_rl.nodes.__file__).parent.glob("*.py") if path.stem != "__init__")
MODULES = [*(f"robot_rl.nodes.{name}" for name in NODES), "controllers.ros.controller"]
WITHOUT_ROS = "import sys; sys.path = [part for part in sys.path if not part.startswith('/opt/ros')]; import "


@pytest.mark.slow
def test_nodes_are_imported_without_ros() -> None:
    command = [sys.executable, "-c", WITHOUT_ROS + ", ".join(MODULES)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
