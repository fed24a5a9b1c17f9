"""What the set-up installs is enough for what the documents and the optional libraries ask for."""

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
