"""Importing a node needs no ROS."""

import subprocess
import sys
from pathlib import Path

import pytest

import robot_rl.nodes

MODULES = sorted(path.stem for path in Path(robot_rl.nodes.__file__).parent.glob("*.py") if path.stem != "__init__")
WITHOUT_ROS = "import sys; sys.path = [part for part in sys.path if not part.startswith('/opt/ros')]; import {module}"


@pytest.mark.parametrize("module", [*(f"robot_rl.nodes.{name}" for name in MODULES), "controllers.ros.controller"])
def test_nodes_are_imported_without_ros(module: str) -> None:
    command = [sys.executable, "-c", WITHOUT_ROS.format(module=module)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
