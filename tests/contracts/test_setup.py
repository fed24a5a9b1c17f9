"""What the set-up installs is enough for what the documents and the optional libraries ask for."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = re.compile(r"`(tensorboard|robot-rl)\b[^`]*`")


def test_programs_of_the_readme_are_installed_by_the_set_up() -> None:
    """By the extras that `.ci/setup.sh` names, which is how this environment was made."""
    programs = set(PROGRAM.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    missing = [program for program in programs if not shutil.which(program, path=str(Path(sys.executable).parent))]
    assert "tensorboard" in programs and missing == []


@pytest.mark.parametrize("library", ["pyrealsense2", "cv2", "mujoco", "cyclonedds.core"])
def test_optional_libraries_find_the_system_libraries_that_they_link(library: str) -> None:
    program = f"try:\n    import {library}\nexcept ModuleNotFoundError:\n    print('not installed')"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
