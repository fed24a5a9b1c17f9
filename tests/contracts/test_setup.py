"""What the set-up installs is enough for what the documents and the optional libraries ask for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_event_files_of_a_run_can_be_shown_with_what_the_set_up_installs() -> None:
    assert shutil.which("tensorboard", path=str(Path(sys.executable).parent))


@pytest.mark.parametrize("library", ["pyrealsense2", "cv2", "mujoco", "cyclonedds.core"])
def test_optional_libraries_find_the_system_libraries_that_they_link(library: str) -> None:
    program = f"try:\n    import {library}\nexcept ModuleNotFoundError:\n    print('not installed')"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("installed", ["nothing", "."])
def test_a_computer_without_ros_passes_and_prints_what_was_not_checked(tmp_path: Path, installed: str) -> None:
    script = Path(__file__).parents[2] / ".ci" / "ros.sh"
    env = {name: value for name, value in os.environ.items() if name != "AMENT_PREFIX_PATH"}
    env |= {"ROS_DISTRIBUTIONS": str(tmp_path / installed)}
    answer = subprocess.run([script], env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and answer.stdout.startswith("NOT CHECKED: no ROS 2"), answer


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        ("No known vulnerabilities found", 0, 0),
        ("Found 2 known vulnerabilities in 1 package", 1, 1),
        ("requests.exceptions.ConnectionError: Max retries exceeded", 1, 2),
    ],
)
def test_an_audit_tells_vulnerabilities_from_a_database_that_is_not_reached(
    tmp_path: Path, said: str, status: int, expected: int
) -> None:
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{said}'\nexit {status}\n")
    program.chmod(0o755)
    script = Path(__file__).parents[2] / ".ci" / "audit.sh"
    environment = os.environ | {"AUDIT_VENV": str(tmp_path)}
    answer = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == expected and said in answer.stdout
    assert ("NOT CHECKED" in answer.stderr) == (expected == 2)
