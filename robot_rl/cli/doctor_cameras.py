"""`robot-rl doctor cameras`: which cameras there are, and whether those of a file deliver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot_rl.cli.arguments import parse, take_word
from robot_rl.cli.doctor import show
from robot_rl.core import checks
from robot_rl.core.settings import load_settings
from robot_rl.doctor.cameras import examine_cameras
from robot_rl.hardware.cameras.config import CameraSet

DESCRIPTION = """Look for cameras: library, RealSense devices (serial, USB, firmware), webcams; for each `ok`, or what
to do. With a file of cameras, each is opened and watched: rate, drops, age, temperature, settings that it ignores.
Exit code 1 when a needed part is missing.

usage: robot-rl doctor cameras [CAMERAS.json] [FLAGS]

example of a file (docs/cameras.md has all settings):
  {"cameras": [{"kind": "realsense", "name": "wrist", "serial": "128422270679"},
               {"kind": "webcam", "name": "side", "device": "/dev/video0"}]}"""


@dataclass(frozen=True)
class DoctorCamerasArguments:
    """Flags of `robot-rl doctor cameras`."""

    seconds: float = 2.0
    """How long each camera of the file is watched [s]."""

    def __post_init__(self) -> None:
        checks.positive(self, "seconds")


def run(arguments: Sequence[str]) -> int:
    """Print the findings as they come."""
    file, rest = take_word(arguments)
    flags = parse(rest, "doctor cameras", DESCRIPTION, DoctorCamerasArguments())
    configs = () if file is None else load_settings(CameraSet, Path(file)).cameras
    return show(examine_cameras(configs, flags.seconds))
